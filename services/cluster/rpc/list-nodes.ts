import type { ListNodesRequest, ListNodesResponse } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Access } from "../../common/auth/principal.ts";
import { parseName } from "../../common/names/resource-names.ts";
import { listIn, optionsOf } from "../../common/rpc/handlers/list.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind, nodeKind } from "../kinds.ts";

/** All clusters of a project, or of all projects. */
const EVERY_CLUSTER = /^(projects\/[^/]+)\/clusters\/-$/;

export function listNodes({ store, projects }: ClusterServiceContext) {
  return unary<ListNodesRequest, ListNodesResponse>({
    access: ({ parent }) => accessOf(parent),
    async handler(request, call) {
      const [, project] = EVERY_CLUSTER.exec(request.parent) ?? [];
      if (project !== undefined) {
        const needProject = (name: string) => projects.need(name, call.signal);
        const inProject = { ...request, parent: project };
        const { items, ...page } = await listIn(store, nodeKind, "clusters", inProject, call, needProject);
        return { nodes: items, ...page };
      }
      const { items, ...page } = await store.list(nodeKind, optionsOf(request, `${request.parent}/nodes/`));
      if (items.length === 0) await store.need(clusterKind, request.parent);
      return { nodes: items, ...page };
    },
  });
}

function accessOf(parent: string): Access {
  if (parent === "projects/-/clusters/-") return { role: "viewer" };
  const name = parent.replace(/\/-$/, "/all");
  return { role: "viewer", project: parseName(CLUSTER, name, "parent").project };
}
