import { type CreateProjectRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Project, ProjectState } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { checkId } from "../../common/names/ids.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { projectKind } from "../kinds.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { checkProjectSpec } from "./project-rules.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { writeOnce } from "../../common/rpc/handlers/write-once.ts";

export function createProject({ store }: ComputeContext) {
  return unary<CreateProjectRequest, Project>({
    access: () => ({ role: "realm-admin" }),
    async handler({ projectId, project: asked, requestId }, call) {
      const found = new Violations();
      found.addAll(checkId("project_id", projectId));
      checkMeta(found, "project", asked?.meta);
      checkProjectSpec(found, asked?.spec);
      checkRequestId(found, requestId);
      found.throwIfAny();
      const name = `projects/${projectId}`;
      return writeOnce(
        store,
        { key: requestKey(call, requestId), value: name },
        async (tx) => {
          const project = Project.fromPartial({
            meta: { name, labels: asked?.meta?.labels ?? {}, annotations: asked?.meta?.annotations ?? {} },
            spec: asked?.spec ?? {},
            status: { state: ProjectState.PROJECT_STATE_ACTIVE },
          });
          tx.create(projectKind, project);
          return project;
        },
        (value) => store.need(projectKind, value),
      );
    },
  });
}
