import { deleteObject, type EngineChange, putObject, type Tables } from "./changes.ts";
import type { Effect } from "./events.ts";

/** Lays one event's effect on the tables; undefined when they say so already, or when it only asks for more. */
export function applyEffect(tables: Tables, effect: Effect): EngineChange | undefined {
  switch (effect.type) {
    case "container": {
      const known = tables.container.get(effect.id);
      return putObject(tables, "container", { ...(known ?? effect.fallback), ...effect.patch });
    }
    case "network":
      return tables.network.has(effect.object.id) ? undefined : putObject(tables, "network", effect.object);
    case "volume":
      return tables.volume.has(effect.object.id) ? undefined : putObject(tables, "volume", effect.object);
    case "delete":
      return deleteObject(tables, effect.kind, effect.id);
    default:
      return undefined;
  }
}
