import { EventType } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { projectOf } from "../names/resource-names.ts";
import type { AnyKind, Kind, Resource } from "../store/api.ts";
import type { EventHeader } from "../store/log/event.ts";
import { encodeEvent } from "../store/log/event.ts";
import type { StoredRecord } from "../store/records/stored.ts";
import type { WatchFilter } from "./filter.ts";
import { decodeRecord, metaOf } from "../store/records/stored.ts";

/** A record of a snapshot as an event; its revision is the record's version. */
export function snapshotEvent(
  origin: string,
  kind: AnyKind,
  name: string,
  stored: StoredRecord,
  filter: WatchFilter,
): { header: EventHeader; event: Buffer } {
  const bytes = stored.schema === kind.schema ? stored.bytes : migrated(kind, stored);
  const { labels, version } = metaOf(bytes);
  const header: EventHeader = {
    revision: Number(version),
    type: EventType.EVENT_TYPE_PUT,
    kind: kind.name,
    name,
    origin,
    originEpoch: "",
    version: "",
    labels,
    previousLabels: {},
    labelsChanged: false,
    project: projectOf(name),
  };
  return { header, event: encodeEvent(header, kind.typeName, filter.conceal(kind.name, bytes)) };
}

/** A record of an older layout, as watchers of this version read it. */
function migrated(anyKind: AnyKind, stored: StoredRecord): Buffer {
  const kind = anyKind as unknown as Kind<Resource>;
  return Buffer.from(kind.message.encode(decodeRecord(kind, stored)).finish());
}
