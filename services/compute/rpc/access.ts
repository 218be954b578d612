import type { Access, ProjectRole } from "../../common/auth/principal.ts";
import { type CallContext } from "../../common/rpc/call.ts";
import { visibleProjects } from "../../common/auth/principal.ts";
import { matchName, parseName, PROJECT, projectOf } from "../../common/names/resource-names.ts";

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

/** Whether the caller may see what belongs to the project of the name. */
export function isVisible(call: CallContext, name: string): boolean {
  const visible = visibleProjects(call.principal);
  return visible === "all" || visible.has(projectOf(name));
}
