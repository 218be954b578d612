import type { ListClustersRequest, ListClustersResponse } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onList } from "../../common/rpc/handlers/access.ts";
import { listIn } from "../../common/rpc/handlers/list.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind } from "../kinds.ts";

export function listClusters({ store, projects }: ClusterServiceContext) {
  return unary<ListClustersRequest, ListClustersResponse>({
    access: ({ parent }) => onList(parent),
    async handler(request, call) {
      const needProject = (name: string) => projects.need(name, call.signal);
      const { items, ...page } = await listIn(store, clusterKind, "clusters", request, call, needProject);
      return { clusters: items, ...page };
    },
  });
}
