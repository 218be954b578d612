import type { Document } from "./documents.ts";
import { type Flags, isFlags } from "./flags.ts";

export interface Taint {
  key: string;
  value?: string;
  effect: string;
}

/** How a node is registered, as the patched configuration has it. */
export interface Registration {
  criSocket: string;
  taints: readonly Taint[];
  /** Of its kubelet, by name. */
  flags: Readonly<Record<string, string>>;
}

/** `first`: of the node that begins the cluster. Throws with what is of the wrong kind. */
export function registrationOf(documents: readonly Document[], first: boolean): Registration {
  const kind = first ? "InitConfiguration" : "JoinConfiguration";
  const stated = documents.find((document) => document.kind === kind)?.["nodeRegistration"];
  const fail = (field: string, what: string): never => {
    throw new Error(`${kind}: nodeRegistration${field} is not ${what}`);
  };
  if (!isMap(stated)) return fail("", "a mapping");
  const { criSocket, taints = [], kubeletExtraArgs = {} } = stated;
  if (typeof criSocket !== "string") return fail(".criSocket", "a string");
  if (!Array.isArray(taints) || !taints.every(isTaint)) return fail(".taints", "a list of taints");
  if (!isFlags(kubeletExtraArgs)) return fail(".kubeletExtraArgs", "a mapping or list of flags with strings as values");
  return { criSocket, taints, flags: byName(kubeletExtraArgs) };
}

/** `KEY=VALUE,KEY=VALUE`, as the kubelet reads its flag `node-labels`. */
export function parseLabels(flag: string): Record<string, string> {
  return Object.fromEntries(
    items(flag).map((item) => {
      const [key = "", ...value] = item.split("=");
      return [key.trim(), value.join("=").trim()];
    }),
  );
}

/** `KEY=VALUE:EFFECT,KEY:EFFECT`, as the kubelet reads its flag `register-with-taints`. */
export function parseTaints(flag: string): Taint[] {
  return items(flag).map((item) => {
    const found = /^([^=:]+)(?:=([^=:]*))?:([^=:]+)$/.exec(item);
    if (!found) throw new Error(`register-with-taints: ${item} is not KEY=VALUE:EFFECT or KEY:EFFECT`);
    const [, key = "", value = "", effect = ""] = found;
    return { key, ...(value === "" ? {} : { value }), effect };
  });
}

function items(flag: string): string[] {
  return flag
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function byName(flags: Flags): Record<string, string> {
  return Array.isArray(flags) ? Object.fromEntries(flags.map(({ name, value }) => [name, value])) : flags;
}

function isTaint(value: unknown): value is Taint {
  if (!isMap(value)) return false;
  const { key, value: of, effect } = value;
  return typeof key === "string" && typeof effect === "string" && (of === undefined || typeof of === "string");
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
