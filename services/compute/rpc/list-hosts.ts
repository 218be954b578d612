import type { ListHostsRequest, ListHostsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { coercePageSize } from "../../common/names/page-size.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { hostKind } from "../kinds.ts";

export function listHosts({ store }: Pick<ComputeContext, "store">) {
  return unary<ListHostsRequest, ListHostsResponse>({
    access: () => ({ role: "viewer" }),
    async handler({ pageSize, pageToken, labelSelector }) {
      const { items, ...page } = await store.list(hostKind, {
        pageSize: coercePageSize(pageSize),
        ...(pageToken === "" ? {} : { pageToken }),
        ...(labelSelector === "" ? {} : { labelSelector }),
      });
      return { hosts: items, ...page };
    },
  });
}
