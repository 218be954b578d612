import { contentOf, markOf } from "./mark.ts";
import { named, readKubeconfig, writeKubeconfig } from "./read.ts";

/** `existing` without the contexts that are marked as the cluster's, and without their clusters and users where no other context has them. */
export function removeFromKubeconfig(
  existing: string,
  { name, uid }: { name: string; uid: string },
): { text: string; contexts: string[] } {
  const config = readKubeconfig(existing, name) ?? {};
  const all = named(config["contexts"], `${name}: contexts`);
  const going = all.filter((context) => markOf(context) === uid);
  if (going.length === 0) return { text: existing, contexts: [] };
  const staying = all.filter((context) => !going.includes(context));
  config["contexts"] = staying;
  for (const [key, field] of [
    ["clusters", "cluster"],
    ["users", "user"],
  ] as const) {
    const needed = new Set(staying.map((context) => contentOf(context)[field]));
    const free = new Set(going.map((context) => contentOf(context)[field]).filter((each) => !needed.has(each)));
    config[key] = named(config[key], `${name}: ${key}`).filter((item) => !free.has(item.name));
  }
  if (going.some((context) => context.name === config["current-context"])) config["current-context"] = "";
  return { text: writeKubeconfig(config), contexts: going.map((context) => String(context.name)) };
}
