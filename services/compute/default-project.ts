import { Project, ProjectState } from "../../proto/gen/gantry/compute/v1/project.ts";
import { DEFAULT_PROJECT } from "../common/names/engine-names.ts";
import type { Store } from "../common/store/api.ts";
import { projectKind } from "./kinds.ts";

/** The project `default` always exists. */
export async function ensureDefaultProject(store: Store): Promise<void> {
  const name = `projects/${DEFAULT_PROJECT}`;
  await store.transact(async (tx) => {
    if (await tx.get(projectKind, name)) return;
    const status = { state: ProjectState.PROJECT_STATE_ACTIVE };
    tx.create(projectKind, Project.fromPartial({ meta: { name }, status }));
  });
}
