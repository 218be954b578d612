import type { Access } from "../../services/common/auth/principal.ts";
import { parseSelector } from "../../services/common/names/selector.ts";
import type { Item } from "./item.ts";
import type { JsonObject } from "./merge-patch.ts";

/** A mirror of one project or host shows nothing of others. */
export interface Scope {
  readonly of: "project" | "host";
  readonly id: string;
}

/** What a mirror shows and to whom. */
export interface MirrorDefinition {
  readonly name: string;
  readonly access: Access;
  /** `matches` holds only for items of it; undefined: it may hold for any. */
  readonly scope: Scope | undefined;
  matches(item: Item): boolean;
  showsOrigin(name: string): boolean;
  /** Usage kinds it asks for. */
  readonly usageKinds: readonly string[];
}

const USAGE = /Usage$/;
const ALL_ORIGINS = (): boolean => true;
const PROJECT_MIRROR = /^projects\/([^/]+)$/;
const HOST_MIRROR = /^hosts\/([^/]+)$/;
const USER_MIRROR = /^projects\/([^/]+)\/mirrors\/[^/]+$/;

/** Everything of a project, its record included. Usage figures are only for those who ask. */
function ofProject(name: string, project: string): MirrorDefinition {
  return {
    name,
    access: { role: "viewer", project },
    scope: { of: "project", id: project },
    matches: (item) => item.project === project && !USAGE.test(item.kind),
    showsOrigin: ALL_ORIGINS,
    usageKinds: [],
  };
}

function ofHost(name: string, host: string): MirrorDefinition {
  return {
    name,
    access: { role: "realm-admin", read: true },
    scope: { of: "host", id: host },
    matches: (item) => item.host === host && !USAGE.test(item.kind),
    showsOrigin: (origin) => !origin.includes("/") || origin.endsWith(`/${host}`),
    usageKinds: [],
  };
}

function ofRealm(name: string, matches: (item: Item) => boolean): MirrorDefinition {
  const access = { role: "realm-admin", read: true } as const;
  return { name, access, scope: undefined, matches, showsOrigin: ALL_ORIGINS, usageKinds: [] };
}

/** A mirror that Gantry has by itself; undefined when the name is not one of those. Whether its project or host exists is not looked at. */
export function builtIn(name: string): MirrorDefinition | undefined {
  if (name === "realm") return ofRealm(name, (item) => !USAGE.test(item.kind));
  if (name === "operations") return ofRealm(name, (item) => item.kind === "Operation");
  const project = PROJECT_MIRROR.exec(name);
  if (project) return ofProject(name, project[1]!);
  const host = HOST_MIRROR.exec(name);
  return host ? ofHost(name, host[1]!) : undefined;
}

/** Who may see a user's mirror, told from its name alone: the answer is the same whether it exists or not. */
export function userMirrorAccess(name: string): Access | undefined {
  const found = USER_MIRROR.exec(name);
  return found ? { role: "viewer", project: found[1]! } : undefined;
}

/** From a Mirror record. A selector that cannot be read selects nothing. */
export function fromRecord(record: Item): MirrorDefinition {
  const data = JSON.parse(record.text) as { spec?: { selectors?: JsonObject[] } };
  const selectors = (data.spec?.selectors ?? []).map(compile);
  const { project } = record;
  return {
    name: record.key,
    access: { role: "viewer", project },
    scope: { of: "project", id: project },
    matches: (item) => item.project === project && selectors.some((selector) => selector.matches(item)),
    showsOrigin: (origin) => selectors.some((selector) => covers(selector.origin, origin)),
    usageKinds: selectors.map((selector) => selector.kind).filter((kind) => USAGE.test(kind)),
  };
}

interface CompiledSelector {
  origin: string;
  kind: string;
  matches(item: Item): boolean;
}

function compile(selector: JsonObject): CompiledSelector {
  const text = (field: string): string => (typeof selector[field] === "string" ? selector[field] : "");
  const origin = text("origin");
  const kind = text("kind");
  const prefix = text("namePrefix");
  const labels = compileLabels(text("labelSelector"));
  return {
    origin,
    kind,
    matches: (item) =>
      (kind === "" ? !USAGE.test(item.kind) : item.kind === kind) &&
      covers(origin, item.origin) &&
      item.key.startsWith(prefix) &&
      labels(item.labels),
  };
}

/** The service refuses bad selectors when they are written; one of a newer syntax selects nothing rather than everything. */
function compileLabels(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  try {
    return parseSelector(text);
  } catch {
    return () => false;
  }
}

/** `docker` covers `docker/rack1-07`; empty covers all. */
function covers(selected: string, origin: string): boolean {
  return selected === "" || selected === origin || origin.startsWith(`${selected}/`);
}
