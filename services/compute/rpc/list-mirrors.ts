import type { ListMirrorsRequest, ListMirrorsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind, projectKind } from "../kinds.ts";
import { onList } from "../../common/rpc/handlers/access.ts";
import { listIn } from "../../common/rpc/handlers/list.ts";

export function listMirrors({ store }: ComputeContext) {
  return unary<ListMirrorsRequest, ListMirrorsResponse>({
    access: ({ parent }) => onList(parent),
    async handler(request, call) {
      const { items, ...page } = await listIn(store, mirrorKind, "mirrors", request, call, (name) =>
        store.need(projectKind, name),
      );
      return { mirrors: items, ...page };
    },
  });
}
