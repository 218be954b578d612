import type { ListProjectsRequest, ListProjectsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { projectKind } from "../kinds.ts";
import { listProjectsOf } from "../../common/rpc/handlers/list.ts";

export function listProjects({ store }: ComputeContext) {
  return unary<ListProjectsRequest, ListProjectsResponse>({
    access: () => ({ role: "viewer" }),
    async handler(request, call) {
      const { items, ...page } = await listProjectsOf(store, projectKind, request, call);
      return { projects: items, ...page };
    },
  });
}
