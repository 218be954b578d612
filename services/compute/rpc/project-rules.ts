import type { ProjectSpec } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { beingDeleted, notFound } from "../../common/errors/errors.ts";
import { formatName, PROJECT } from "../../common/names/resource-names.ts";
import type { Violations } from "../../common/names/violations.ts";
import type { Transaction } from "../../common/store/api.ts";
import { projectKind } from "../kinds.ts";

export const DISPLAY_NAME_BYTES_MAX = 63;

export function checkDisplayName(found: Violations, field: string, text: string): void {
  const bytes = Buffer.byteLength(text);
  found.check(bytes <= DISPLAY_NAME_BYTES_MAX, field, `has ${bytes} bytes; at most ${DISPLAY_NAME_BYTES_MAX}`);
}

export function checkProjectSpec(found: Violations, spec: ProjectSpec | undefined): void {
  if (!spec) return;
  checkDisplayName(found, "project.spec.display_name", spec.displayName);
  found.check(spec.instancesMax >= 0, "project.spec.instances_max", `${spec.instancesMax} is negative`);
}

/**
 * The project that something is created in. A read of the transaction: a deletion that begins meanwhile makes it run again. NOT_FOUND when
 * there is none, FAILED_PRECONDITION while it is being deleted.
 */
export async function needProject(tx: Transaction, id: string) {
  const project = await tx.get(projectKind, formatName(PROJECT, { project: id }));
  if (!project) throw notFound(`projects/${id}`);
  if (project.meta?.deleteTime) throw beingDeleted(project.meta.name);
  return project;
}
