import type {
  ListClusterSnapshotsRequest,
  ListClusterSnapshotsResponse,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onList } from "../../common/rpc/handlers/access.ts";
import { listIn } from "../../common/rpc/handlers/list.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterSnapshotKind } from "../kinds.ts";

export function listClusterSnapshots({ store, projects }: ClusterServiceContext) {
  return unary<ListClusterSnapshotsRequest, ListClusterSnapshotsResponse>({
    access: ({ parent }) => onList(parent),
    async handler(request, call) {
      const needProject = (name: string) => projects.need(name, call.signal);
      const { items, ...page } = await listIn(
        store,
        clusterSnapshotKind,
        "clusterSnapshots",
        request,
        call,
        needProject,
      );
      return { snapshots: items, ...page };
    },
  });
}
