import { permissionDenied } from "../errors/errors.ts";

export type ProjectRole = "viewer" | "editor" | "admin";
export type Role = ProjectRole | "realm-admin";

/** What a call needs. Without a project: `viewer` is anyone who is authenticated, everything else realm-admin. */
export interface Access {
  role: Role;
  /** Project id, not name. */
  project?: string;
  /** Changes nothing. Absent: true for role viewer alone. */
  read?: boolean;
}

export interface Principal {
  kind: "user" | "process";
  /** Subject of the token, or common name of the certificate (`gateway.rack1-07`). */
  subject: string;
  realmAdmin: boolean;
  /** Role by project id. */
  roles: Readonly<Record<string, ProjectRole>>;
  /** `jti` of the token; empty for a process. */
  tokenId: string;
  /** End of the token or certificate, epoch ms. */
  expiresMs: number;
}

const RANK: Record<ProjectRole, number> = { viewer: 1, editor: 2, admin: 3 };

export function isProjectRole(value: unknown): value is ProjectRole {
  return typeof value === "string" && Object.hasOwn(RANK, value);
}

export function isRead(access: Access): boolean {
  return access.read ?? access.role === "viewer";
}

/** Throws PERMISSION_DENIED. The message never tells whether the project exists. */
export function authorize(principal: Principal, access: Access): void {
  if (isAuthorized(principal, access)) return;
  const need = access.project === undefined ? access.role : `${access.role} of project ${access.project}`;
  throw permissionDenied(
    principal.kind === "process"
      ? `${principal.subject} may only read: a change needs a user's token`
      : `${principal.subject} needs the role ${need}`,
  );
}

export function isAuthorized(principal: Principal, access: Access): boolean {
  // Another of our processes: what it forwards for users carries their token, on its own account it only reads.
  if (principal.kind === "process") return isRead(access);
  if (principal.realmAdmin) return true;
  if (access.role === "realm-admin") return false;
  if (access.project === undefined) return access.role === "viewer";
  const role = Object.hasOwn(principal.roles, access.project) ? principal.roles[access.project] : undefined;
  return role !== undefined && RANK[role] >= RANK[access.role];
}

/** Ids of the projects that the principal may see. */
export function visibleProjects(principal: Principal): "all" | ReadonlySet<string> {
  if (principal.realmAdmin || principal.kind === "process") return "all";
  return new Set(Object.keys(principal.roles));
}
