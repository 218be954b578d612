import type { UpdateProjectRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { parseName, PROJECT } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { projectKind } from "../kinds.ts";
import { checkProjectSpec } from "./project-rules.ts";
import { updateRecord } from "../../common/rpc/handlers/update-record.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.display_name", "spec.instances_max"];

export function updateProject({ store }: ComputeContext) {
  return unary<UpdateProjectRequest, Project>({
    access: ({ project }) => {
      parseName(PROJECT, project?.meta?.name ?? "", "project.meta.name");
      return { role: "realm-admin" };
    },
    handler: ({ project, updateMask, requestId }, call) =>
      updateRecord(store, call, {
        kind: projectKind,
        field: "project",
        asked: project!,
        mask: updateMask,
        requestId,
        mutable: MUTABLE,
        blank: Project.fromPartial({ meta: {}, spec: {} }),
        check: (found, { spec }) => checkProjectSpec(found, spec),
      }),
  });
}
