import type { Access, ProjectRole } from "../../auth/principal.ts";
import { matchName, parseName, PROJECT } from "../../names/resource-names.ts";

/** For a name of this pattern: INVALID_ARGUMENT before anything else when it is none. */
export function onName(pattern: string, name: string, role: ProjectRole, field = "name"): Access {
  return { role, project: (parseName(pattern, name, field) as { project: string }).project };
}

/** For creation in a parent: a bad parent is reported by the handler, together with all else that is wrong. */
export function onParent(parent: string, role: ProjectRole): Access {
  const project = matchName(PROJECT, parent)?.project;
  return project === undefined ? { role: "viewer" } : { role, project };
}

/** For lists: `projects/-` is open to everyone and shows each what they may see. */
export function onList(parent: string): Access {
  if (parent === "projects/-") return { role: "viewer" };
  return { role: "viewer", project: parseName(PROJECT, parent, "parent").project };
}
