import type { CreateMirrorRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Mirror } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { checkId } from "../../common/names/ids.ts";
import { checkName, PROJECT, projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind } from "../kinds.ts";
import { onParent } from "../../common/rpc/handlers/access.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { checkMirrorSpec } from "./mirror-rules.ts";
import { needProject } from "./project-rules.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { writeOnce } from "../../common/rpc/handlers/write-once.ts";

export function createMirror({ store }: ComputeContext) {
  return unary<CreateMirrorRequest, Mirror>({
    access: ({ parent }) => onParent(parent, "editor"),
    async handler({ parent, mirrorId, mirror: asked, requestId }, call) {
      const found = new Violations();
      found.addAll(checkName(PROJECT, "parent", parent));
      found.addAll(checkId("mirror_id", mirrorId));
      checkMeta(found, "mirror", asked?.meta);
      checkMirrorSpec(found, asked?.spec);
      checkRequestId(found, requestId);
      found.throwIfAny();
      const name = `${parent}/mirrors/${mirrorId}`;
      return writeOnce(
        store,
        { key: requestKey(call, requestId), value: name },
        async (tx) => {
          await needProject(tx, projectOf(name));
          const mirror = Mirror.fromPartial({
            meta: { name, labels: asked?.meta?.labels ?? {}, annotations: asked?.meta?.annotations ?? {} },
            spec: asked?.spec ?? {},
          });
          tx.create(mirrorKind, mirror);
          return mirror;
        },
        (value) => store.need(mirrorKind, value),
      );
    },
  });
}
