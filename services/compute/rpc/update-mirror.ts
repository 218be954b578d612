import type { UpdateMirrorRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Mirror } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { applyMask } from "../../common/names/field-mask.ts";
import { MIRROR } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind } from "../kinds.ts";
import { onName } from "./access.ts";
import { checkMeta } from "./check-meta.ts";
import { checkMirrorSpec } from "./mirror-rules.ts";
import { checkRequestId, requestKey } from "./request-key.ts";
import { writeOnce } from "./write-once.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.selectors", "spec.display_name"];

export function updateMirror({ store }: ComputeContext) {
  return unary<UpdateMirrorRequest, Mirror>({
    access: ({ mirror }) => onName(MIRROR, mirror?.meta?.name ?? "", "editor", "mirror.meta.name"),
    async handler({ mirror: asked, updateMask, requestId }, call) {
      const name = asked!.meta!.name;
      const found = new Violations();
      checkRequestId(found, requestId);
      checkMeta(found, "mirror", asked!.meta);
      found.throwIfAny();
      return writeOnce(
        store,
        { key: requestKey(call, requestId), value: name },
        async (tx) => {
          const mirror = await tx.need(mirrorKind, name);
          checkEtag(name, asked!.meta!.etag, mirror.meta!.etag);
          const blank = Mirror.fromPartial({ meta: {}, spec: {} });
          applyMask({ mask: updateMask, allowed: MUTABLE, from: asked!, to: mirror, blank });
          const wrong = new Violations();
          checkMirrorSpec(wrong, mirror.spec);
          wrong.throwIfAny();
          tx.put(mirrorKind, mirror);
          return mirror;
        },
        (value) => store.need(mirrorKind, value),
      );
    },
  });
}
