import {
  ComputeServiceService,
  type CopyTarget,
  type CopyToInstanceRequest,
  type CopyToInstanceResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { invalidArgument } from "../../common/errors/errors.ts";
import { INSTANCE, parseName } from "../../common/names/resource-names.ts";
import { withFirst } from "../../common/rpc/streams.ts";
import { clientStream } from "../../common/rpc/wrappers.ts";
import { instanceKind } from "../kinds.ts";
import { checkPath } from "../../common/streams/check-path.ts";
import type { StreamContext } from "../streams/context.ts";
import { locateContainer } from "../streams/locate.ts";
import { copyTo } from "../streams/transfer.ts";

export const COPY_PART_BYTES_MAX = 1024 * 1024;

export const copyToInstance = (ctx: StreamContext) =>
  clientStream<CopyToInstanceRequest, CopyToInstanceResponse>({
    access: (first) => ({ role: "editor", project: parseName(INSTANCE, targetOf(first).name, "target.name").project }),
    target: (first) => targetOf(first).name,
    async handler(messages, call) {
      const requests = messages[Symbol.asyncIterator]();
      const first = await requests.next();
      if (first.done) throw noTarget();
      const target = targetOf(first.value);
      checkPath("target.path", target.path);
      const instance = await ctx.store.need(instanceKind, target.name);
      const rest: AsyncIterable<CopyToInstanceRequest> = { [Symbol.asyncIterator]: () => requests };
      const { host } = instance.meta!;
      if (host !== ctx.host) {
        return ctx.peers.one(host, call, ComputeServiceService.copyToInstance, withFirst(first.value, rest));
      }
      const container = await locateContainer(ctx.engine, instance, call.signal);
      return { bytes: BigInt(await copyTo(ctx.engine, container.Id, target.path, parts(rest), call.signal)) };
    },
  });

function targetOf(first: CopyToInstanceRequest): CopyTarget {
  if (first.part?.$case === "target") return first.part.value;
  throw noTarget();
}

function noTarget(): Error {
  return invalidArgument([{ field: "target", description: "the first message must be `target`" }]);
}

async function* parts(requests: AsyncIterable<CopyToInstanceRequest>): AsyncGenerator<Uint8Array> {
  for await (const { part } of requests) {
    if (part?.$case !== "data") {
      throw invalidArgument([{ field: "part", description: "every message after the first must be `data`" }]);
    }
    if (part.value.length > COPY_PART_BYTES_MAX) {
      throw invalidArgument([{ field: "data", description: `is larger than ${COPY_PART_BYTES_MAX} bytes` }]);
    }
    yield part.value;
  }
}
