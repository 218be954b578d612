import { kubeadmApi, type KubernetesVersion } from "./version.ts";

/** Flags as kubeadm's configuration has them: a map, from v1beta4 on a list. */
export type Flags = Record<string, string> | { name: string; value: string }[];

export function flags(version: KubernetesVersion, values: Readonly<Record<string, string>>): Flags {
  if (kubeadmApi(version) !== "v1beta4") return { ...values };
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

export function isFlags(value: unknown): value is Flags {
  if (!isMap(value)) return false;
  if (!Array.isArray(value)) return Object.values(value).every((flag) => typeof flag === "string");
  return value.every((flag) => isMap(flag) && typeof flag["name"] === "string" && typeof flag["value"] === "string");
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** `A=true,B=false`, ordered by name. */
export function pairs(values: Readonly<Record<string, string | boolean>>): string {
  return sorted(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

export function sorted<T>(values: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** `{ field: value }`, or nothing where there is nothing to say. */
export function unlessEmpty<T extends object>(field: string, value: T): Record<string, T> {
  return Object.keys(value).length === 0 ? {} : { [field]: value };
}
