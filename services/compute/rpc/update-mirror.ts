import type { UpdateMirrorRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Mirror } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { MIRROR } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkMirrorSpec } from "./mirror-rules.ts";
import { updateRecord } from "../../common/rpc/handlers/update-record.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.selectors", "spec.display_name"];

export function updateMirror({ store }: ComputeContext) {
  return unary<UpdateMirrorRequest, Mirror>({
    access: ({ mirror }) => onName(MIRROR, mirror?.meta?.name ?? "", "editor", "mirror.meta.name"),
    handler: ({ mirror, updateMask, requestId }, call) =>
      updateRecord(store, call, {
        kind: mirrorKind,
        field: "mirror",
        asked: mirror!,
        mask: updateMask,
        requestId,
        mutable: MUTABLE,
        blank: Mirror.fromPartial({ meta: {}, spec: {} }),
        check: (found, { spec }) => checkMirrorSpec(found, spec),
      }),
  });
}
