import type { UpdateProjectRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { applyMask } from "../../common/names/field-mask.ts";
import { parseName, PROJECT } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { projectKind } from "../kinds.ts";
import { checkMeta } from "./check-meta.ts";
import { checkProjectSpec } from "./project-rules.ts";
import { checkRequestId, requestKey } from "./request-key.ts";
import { writeOnce } from "./write-once.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.display_name", "spec.instances_max"];

export function updateProject({ store }: ComputeContext) {
  return unary<UpdateProjectRequest, Project>({
    access: () => ({ role: "realm-admin" }),
    async handler({ project: asked, updateMask, requestId }, call) {
      const name = asked?.meta?.name ?? "";
      parseName(PROJECT, name, "project.meta.name");
      const found = new Violations();
      checkMeta(found, "project", asked?.meta);
      checkProjectSpec(found, asked?.spec);
      checkRequestId(found, requestId);
      found.throwIfAny();
      return writeOnce(
        store,
        { key: requestKey(call, requestId), value: name },
        async (tx) => {
          const project = await tx.need(projectKind, name);
          checkEtag(name, asked!.meta!.etag, project.meta!.etag);
          const blank = Project.fromPartial({ meta: {}, spec: {} });
          applyMask({ mask: updateMask, allowed: MUTABLE, from: asked!, to: project, blank });
          tx.put(projectKind, project);
          return project;
        },
        (value) => store.need(projectKind, value),
      );
    },
  });
}
