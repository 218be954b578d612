import {
  ClusterServiceService,
  type ExportLogsRequest,
  type ExportLogsResponse,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { serverStream } from "../../common/rpc/wrappers.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind } from "../kinds.ts";
import { clusterLogs } from "../streams/logs/cluster-logs.ts";

export function exportLogs({ store, tools, peers }: ClusterServiceContext) {
  return serverStream<ExportLogsRequest, ExportLogsResponse>({
    // Reads, but logs may hold what is secret: more than a viewer's.
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    async handler(request, call, sink) {
      const cluster = await store.need(clusterKind, request.name);
      const { host } = cluster.meta!;
      if (host !== tools.host) return peers.stream(host, call, ClusterServiceService.exportLogs, [request], sink);
      const nodes = await nodesOf(store, request.name);
      for await (const data of clusterLogs(tools.engine, nodes, call.signal)) await sink.write({ data });
    },
  });
}
