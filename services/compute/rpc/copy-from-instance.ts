import {
  ComputeServiceService,
  type CopyFromInstanceRequest,
  type CopyFromInstanceResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { INSTANCE, parseName } from "../../common/names/resource-names.ts";
import { serverStream } from "../../common/rpc/wrappers.ts";
import { instanceKind } from "../kinds.ts";
import { checkPath } from "../../common/streams/check-path.ts";
import type { StreamContext } from "../streams/context.ts";
import { locateContainer } from "../streams/locate.ts";
import { copyFrom } from "../streams/transfer.ts";

export const copyFromInstance = (ctx: StreamContext) =>
  serverStream<CopyFromInstanceRequest, CopyFromInstanceResponse>({
    // Reads, but what it reads may be secret: more than a viewer's.
    access: (request) => ({ role: "editor", project: parseName(INSTANCE, request.name).project }),
    async handler(request, call, sink) {
      checkPath("path", request.path);
      const instance = await ctx.store.need(instanceKind, request.name);
      const { host } = instance.meta!;
      if (host !== ctx.host)
        return ctx.peers.stream(host, call, ComputeServiceService.copyFromInstance, [request], sink);
      const container = await locateContainer(ctx.engine, instance, call.signal);
      await copyFrom(ctx.engine, container.Id, request.path, (data) => sink.write({ data }), call.signal);
    },
  });
