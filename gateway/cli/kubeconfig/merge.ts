import { UsageError } from "../exit-codes.ts";
import { mark } from "./mark.ts";
import { LISTS, named, readKubeconfig, writeKubeconfig } from "./read.ts";

/**
 * `existing` (empty: a new file) with the cluster, user and context of `added` put in, its context the current one and marked as the cluster's.
 * What is called the same is replaced, all else stays. `name`: what the file is called in errors.
 */
export function mergeKubeconfig(
  existing: string,
  added: string,
  { name, uid }: { name: string; uid: string },
): { text: string; context: string } {
  const config = readKubeconfig(existing, name) ?? { apiVersion: "v1", kind: "Config", preferences: {} };
  const addition = readKubeconfig(added, "what the service answered") ?? {};
  for (const key of LISTS) {
    const present = named(config[key], `${name}: ${key}`);
    const more = named(addition[key], `what the service answered: ${key}`);
    const names = new Set(more.map((item) => item.name));
    const marked = key === "contexts" ? more.map((item) => mark(item, uid)) : more;
    config[key] = [...present.filter((item) => !names.has(item.name)), ...marked];
  }
  const context = addition["current-context"];
  if (typeof context !== "string") throw new UsageError("what the service answered names no context");
  config["current-context"] = context;
  return { text: writeKubeconfig(config), context };
}
