import type { UpdateInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { applyMask } from "../../common/names/field-mask.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { checkMutable } from "../instances/check-update.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { submitVerb } from "./instance-verb.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.restart_policy", "spec.stop_timeout"];

export function updateInstance(compute: ComputeContext) {
  return unary<UpdateInstanceRequest, Operation>({
    access: ({ instance }) => onName(INSTANCE, instance?.meta?.name ?? "", "editor", "instance.meta.name"),
    handler({ instance: asked, updateMask, requestId }, call) {
      const { name, etag } = asked!.meta!;
      const found = new Violations();
      checkRequestId(found, requestId);
      checkMeta(found, "instance", asked!.meta);
      return submitVerb(compute, call, {
        verb: "update",
        name,
        etag,
        requestId,
        change(instance) {
          const all = new Violations().addAll(found.list);
          checkMutable(all, { mask: updateMask, mutable: MUTABLE, asked: asked!, current: instance });
          all.throwIfAny();
          const blank = Instance.fromPartial({ meta: {}, spec: {} });
          applyMask({ mask: updateMask, allowed: MUTABLE, from: asked!, to: instance, blank });
        },
      });
    },
  });
}
