import type { ListInstancesRequest, ListInstancesResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { shownTo } from "../instances/redact.ts";
import { instanceKind, projectKind } from "../kinds.ts";
import { onList } from "../../common/rpc/handlers/access.ts";
import { listIn } from "../../common/rpc/handlers/list.ts";

export function listInstances({ store }: ComputeContext) {
  return unary<ListInstancesRequest, ListInstancesResponse>({
    access: ({ parent }) => onList(parent),
    async handler(request, call) {
      const { items, ...page } = await listIn(store, instanceKind, "instances", request, call, (name) =>
        store.need(projectKind, name),
      );
      return { instances: items.map((instance) => shownTo(call.principal, instance)), ...page };
    },
  });
}
