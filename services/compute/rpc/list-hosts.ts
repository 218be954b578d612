import type { ListHostsRequest, ListHostsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { hostKind } from "../kinds.ts";
import { optionsOf } from "../../common/rpc/handlers/list.ts";

export function listHosts({ store }: Pick<ComputeContext, "store">) {
  return unary<ListHostsRequest, ListHostsResponse>({
    access: () => ({ role: "viewer" }),
    async handler(request) {
      const { items, ...page } = await store.list(hostKind, optionsOf(request, "hosts/"));
      return { hosts: items, ...page };
    },
  });
}
