import { parse, stringify } from "yaml";
import { UsageError } from "../exit-codes.ts";

export interface Named {
  name?: unknown;
}

export const LISTS = ["clusters", "contexts", "users"] as const;

/** undefined: an empty file. `name`: what it is called in errors, which hold nothing of its content. */
export function readKubeconfig(text: string, name: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    // Versions and quoting as of kubectl, which reads YAML 1.1.
    value = parse(text, { version: "1.1" });
  } catch {
    // What the parser says quotes the line, and that may hold a key.
    throw new UsageError(`${name} is not YAML: it is left as it is`);
  }
  if (value === null || value === undefined) return undefined;
  if (!isObject(value)) throw new UsageError(`${name} is no kubeconfig: it is left as it is`);
  return value;
}

export function writeKubeconfig(config: Record<string, unknown>): string {
  return stringify(config, { lineWidth: 0, version: "1.1" });
}

export function named(list: unknown, name: string): Named[] {
  if (list === null || list === undefined) return [];
  if (!Array.isArray(list)) throw new UsageError(`${name} is not a list: the file is left as it is`);
  return list.filter((item): item is Named => typeof item === "object" && item !== null);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
