import type { ListMirrorsRequest, ListMirrorsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind } from "../kinds.ts";
import { onList } from "./access.ts";
import { listIn } from "./list.ts";

export function listMirrors({ store }: ComputeContext) {
  return unary<ListMirrorsRequest, ListMirrorsResponse>({
    access: ({ parent }) => onList(parent),
    async handler(request, call) {
      const { items, ...page } = await listIn(store, mirrorKind, "mirrors", request, call);
      return { mirrors: items, ...page };
    },
  });
}
