import type { Event } from "../../proto/gen/gantry/common/v1/watch.ts";
import { contentVersion, createItem, type Item } from "./item.ts";
import type { Json, JsonObject } from "./merge-patch.ts";

/** ProtoJSON of a message without the fields that must not be shown. */
export type ToJson = (typeName: string, bytes: Uint8Array) => Json;

/** The item that a put event shows. */
export function projectEvent(event: Event, logId: string, toJson: ToJson): Item {
  const typeName = event.object!.typeUrl.slice(event.object!.typeUrl.lastIndexOf("/") + 1);
  const data = toJson(typeName, event.object!.value);
  const text = JSON.stringify(data);
  return createItem({
    key: event.name,
    version: isRecord(event) ? `${logId}.${event.revision}` : contentVersion(text),
    origin: event.origin,
    kind: event.kind,
    project: event.project,
    host: hostOf(event, data as JsonObject),
    labels: event.labels,
    text,
  });
}

/** Records have a revision of their log; observations have none. */
export function isRecord(event: Event): boolean {
  return event.revision !== 0n;
}

const HOST_NAME = /^hosts\/([^/]+)$/;
const QUEUE = /^[^@]+@(.+)$/;

/** Observations carry the host in their origin, hosts in their name, records in `meta.host`, operations in their queue. */
function hostOf(event: Event, data: JsonObject): string {
  const slash = event.origin.indexOf("/");
  if (slash > 0 && !event.origin.startsWith("kubernetes/")) return event.origin.slice(slash + 1);
  const named = HOST_NAME.exec(event.name);
  if (named) return named[1]!;
  const meta = data["meta"];
  if (typeof meta === "object" && meta !== null && !Array.isArray(meta) && typeof meta["host"] === "string")
    return meta["host"];
  const queue = data["queue"];
  return typeof queue === "string" ? (QUEUE.exec(queue)?.[1] ?? "") : "";
}
