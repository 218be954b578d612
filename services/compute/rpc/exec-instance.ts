import {
  ComputeServiceService,
  type ExecInstanceRequest,
  type ExecInstanceResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { invalidArgument } from "../../common/errors/errors.ts";
import { INSTANCE, parseName } from "../../common/names/resource-names.ts";
import { withFirst } from "../../common/rpc/streams.ts";
import { bidi } from "../../common/rpc/wrappers.ts";
import { instanceKind } from "../kinds.ts";
import type { StreamContext } from "../streams/context.ts";
import { exec } from "../../common/streams/exec.ts";
import { execOptions, inputsOf, responseOf, startOf } from "../../common/streams/exec-request.ts";
import { checkRunning, locateContainer } from "../streams/locate.ts";

export const execInstance = (ctx: StreamContext) =>
  bidi<ExecInstanceRequest, ExecInstanceResponse>({
    access: (first) => ({ role: "editor", project: parseName(INSTANCE, startOf(first).name, "start.name").project }),
    target: (first) => startOf(first).name,
    async handler(messages, call, sink) {
      const requests = messages[Symbol.asyncIterator]();
      const first = await requests.next();
      if (first.done) throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
      const start = startOf(first.value);
      const options = execOptions(start);
      const instance = await ctx.store.need(instanceKind, start.name);
      const rest: AsyncIterable<ExecInstanceRequest> = { [Symbol.asyncIterator]: () => requests };
      const { host } = instance.meta!;
      if (host !== ctx.host) {
        return ctx.peers.stream(host, call, ComputeServiceService.execInstance, withFirst(first.value, rest), sink);
      }
      const container = await locateContainer(ctx.engine, instance, call.signal);
      checkRunning(start.name, container);
      const code = await exec(
        ctx.engine,
        { ...options, container: container.Id },
        inputsOf(rest, start.stdin),
        (part) => sink.write(responseOf(part)),
        call.signal,
      );
      await sink.write({ output: { $case: "exitCode", value: code } });
    },
  });
