import type { DeleteMirrorRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Empty } from "../../../proto/gen/google/protobuf/empty.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { MIRROR } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";

export function deleteMirror({ store }: ComputeContext) {
  return unary<DeleteMirrorRequest, Empty>({
    access: ({ name }) => onName(MIRROR, name, "editor"),
    async handler({ name, etag }) {
      await store.transact(
        async (tx) => {
          const mirror = await tx.need(mirrorKind, name);
          checkEtag(name, etag, mirror.meta!.etag);
          tx.delete(mirrorKind, name);
        },
        { durable: true },
      );
      return {};
    },
  });
}
