import {
  ClusterServiceService,
  type ExecNodeRequest,
  type ExecNodeResponse,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { invalidArgument } from "../../common/errors/errors.ts";
import { parseName } from "../../common/names/resource-names.ts";
import { withFirst } from "../../common/rpc/streams.ts";
import { bidi } from "../../common/rpc/wrappers.ts";
import { exec } from "../../common/streams/exec.ts";
import { execOptions, inputsOf, responseOf, startOf } from "../../common/streams/exec-request.ts";
import { NODE } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodeKind } from "../kinds.ts";
import { runningContainer } from "../streams/locate-node.ts";

export function execNode({ store, tools, peers }: ClusterServiceContext) {
  return bidi<ExecNodeRequest, ExecNodeResponse>({
    access: (first) => ({ role: "editor", project: parseName(NODE, startOf(first).name, "start.name").project }),
    target: (first) => startOf(first).name,
    async handler(messages, call, sink) {
      const requests = messages[Symbol.asyncIterator]();
      const first = await requests.next();
      if (first.done) throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
      const start = startOf(first.value);
      const options = execOptions(start);
      const node = await store.need(nodeKind, start.name);
      const rest: AsyncIterable<ExecNodeRequest> = { [Symbol.asyncIterator]: () => requests };
      const { host } = node.meta!;
      if (host !== tools.host) {
        return peers.stream(host, call, ClusterServiceService.execNode, withFirst(first.value, rest), sink);
      }
      const { Id: container } = await runningContainer(tools.engine, node, call.signal);
      const code = await exec(
        tools.engine,
        { ...options, container },
        inputsOf(rest, start.stdin),
        (part) => sink.write(responseOf(part)),
        call.signal,
      );
      await sink.write({ output: { $case: "exitCode", value: code } });
    },
  });
}
