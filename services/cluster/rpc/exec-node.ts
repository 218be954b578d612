import {
  ClusterServiceService,
  type ExecNodeRequest,
  type ExecNodeResponse,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { parseName } from "../../common/names/resource-names.ts";
import { bidi } from "../../common/rpc/wrappers.ts";
import { startOf } from "../../common/streams/exec-request.ts";
import { serveExec } from "../../common/streams/serve-exec.ts";
import { NODE } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodeKind } from "../kinds.ts";
import { runningContainer } from "../streams/locate-node.ts";

export function execNode({ store, tools, peers }: ClusterServiceContext) {
  const { host, engine } = tools;
  return bidi<ExecNodeRequest, ExecNodeResponse>({
    access: (first) => ({ role: "editor", project: parseName(NODE, startOf(first).name, "start.name").project }),
    target: (first) => startOf(first).name,
    handler: serveExec({
      host,
      engine,
      peers,
      method: ClusterServiceService.execNode,
      async locate(name, signal) {
        const node = await store.need(nodeKind, name);
        return {
          host: node.meta!.host,
          container: async () => (await runningContainer(engine, node, signal)).Id,
        };
      },
    }),
  });
}
