import { parse, stringify } from "yaml";
import { UsageError } from "../exit-codes.ts";

interface Named {
  name?: unknown;
}

const LISTS = ["clusters", "contexts", "users"] as const;

/**
 * `existing` (empty: a new file) with the cluster, user and context of `added` put in, its context the current one. What is called the same is
 * replaced, all else stays. `name`: what the file is called in errors, which hold nothing of its content.
 */
export function mergeKubeconfig(existing: string, added: string, name: string): { text: string; context: string } {
  const config = read(existing, name) ?? { apiVersion: "v1", kind: "Config", preferences: {} };
  const addition = read(added, "what the service answered") ?? {};
  for (const key of LISTS) {
    const present = named(config[key], `${name}: ${key}`);
    const more = named(addition[key], `what the service answered: ${key}`);
    const names = new Set(more.map((item) => item.name));
    config[key] = [...present.filter((item) => !names.has(item.name)), ...more];
  }
  const context = addition["current-context"];
  if (typeof context !== "string") throw new UsageError("what the service answered names no context");
  config["current-context"] = context;
  return { text: stringify(config, { lineWidth: 0, version: "1.1" }), context };
}

function read(text: string, name: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    // Versions and quoting as of kubectl, which reads YAML 1.1.
    value = parse(text, { version: "1.1" });
  } catch {
    // What the parser says quotes the line, and that may hold a key.
    throw new UsageError(`${name} is not YAML: it is left as it is`);
  }
  if (value === null || value === undefined) return undefined;
  if (typeof value !== "object" || Array.isArray(value))
    throw new UsageError(`${name} is no kubeconfig: it is left as it is`);
  return value as Record<string, unknown>;
}

function named(list: unknown, name: string): Named[] {
  if (list === null || list === undefined) return [];
  if (!Array.isArray(list)) throw new UsageError(`${name} is not a list: the file is left as it is`);
  return list.filter((item): item is Named => typeof item === "object" && item !== null);
}
