import type { ListInstancesRequest, ListInstancesResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { shownTo } from "../instances/redact.ts";
import { instanceKind } from "../kinds.ts";
import { onList } from "./access.ts";
import { listIn } from "./list.ts";

export function listInstances({ store }: ComputeContext) {
  return unary<ListInstancesRequest, ListInstancesResponse>({
    access: ({ parent }) => onList(parent),
    async handler(request, call) {
      const { items, ...page } = await listIn(store, instanceKind, "instances", request, call);
      return { instances: items.map((instance) => shownTo(call.principal, instance)), ...page };
    },
  });
}
