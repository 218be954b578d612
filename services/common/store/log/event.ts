import { EventType } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import { projectOf } from "../../names/resource-names.ts";
import { varintLength, WireReader, WireWriter } from "./wire.ts";

const NO_LABELS: Record<string, string> = Object.freeze({});
const TAG_EVENTS = 10;
const TYPE_URL_PREFIX = "type.googleapis.com/";

/** Everything an event says besides the object itself. */
export interface EventHeader {
  revision: number;
  type: EventType;
  kind: string;
  name: string;
  origin: string;
  originEpoch: string;
  version: string;
  labels: Record<string, string>;
  previousLabels: Record<string, string>;
  labelsChanged: boolean;
  project: string;
}

/** An event inside encoded bytes: [start, end) with its tag and length, as it stands in a WatchResponse. */
export interface EventView extends EventHeader {
  start: number;
  end: number;
  /** [valueStart, valueEnd): the encoded object; empty for a deletion. */
  valueStart: number;
  valueEnd: number;
}

/** The bytes before and behind the eight of the revision. The object's bytes follow `tail`. */
export interface EventFrame {
  head: Buffer;
  tail: Buffer;
}

const writer = new WireWriter();

/** Frame of a record's event: the store puts the revision between, and the record behind. `recordBytes` is -1 for a deletion. */
export function recordEventFrame(
  event: {
    kind: string;
    name: string;
    origin: string;
    labels: Record<string, string>;
    /** Labels before this write, where they differ. */
    previousLabels: Record<string, string> | undefined;
    typeName: string;
  },
  recordBytes: number,
): EventFrame {
  const tail = encodeTail(
    {
      type: recordBytes < 0 ? EventType.EVENT_TYPE_DELETED : EventType.EVENT_TYPE_PUT,
      kind: event.kind,
      name: event.name,
      origin: event.origin,
      originEpoch: "",
      version: "",
      labels: event.labels,
      previousLabels: event.previousLabels ?? NO_LABELS,
      labelsChanged: event.previousLabels !== undefined,
      project: projectOf(event.name),
    },
    event.typeName,
    recordBytes,
  );
  const head = writer
    .varint(TAG_EVENTS)
    .varint(9 + tail.length + Math.max(0, recordBytes))
    .varint(9)
    .take();
  return { head, tail };
}

/** A whole event, as it stands in a WatchResponse. */
export function encodeEvent(header: EventHeader, typeName: string, object: Uint8Array | undefined): Buffer {
  const tail = encodeTail(header, typeName, object === undefined ? -1 : object.length);
  const revisionBytes = header.revision === 0 ? 0 : 9;
  writer.varint(TAG_EVENTS).varint(revisionBytes + tail.length + (object?.length ?? 0));
  if (revisionBytes > 0) writer.fixed64(1, header.revision);
  writer.raw(tail);
  if (object !== undefined) writer.raw(object);
  return writer.take();
}

function encodeTail(header: Omit<EventHeader, "revision">, typeName: string, objectBytes: number): Buffer {
  writer
    .tag(2, 0)
    .varint(header.type)
    .string(3, header.kind)
    .string(4, header.name)
    .string(5, header.origin)
    .string(6, header.originEpoch)
    .string(7, header.version)
    .map(8, header.labels)
    .map(9, header.previousLabels)
    .bool(10, header.labelsChanged)
    .string(11, header.project);
  if (objectBytes >= 0) {
    const typeUrl = TYPE_URL_PREFIX + typeName;
    const urlBytes = Buffer.byteLength(typeUrl);
    const anyBytes = 1 + varintLength(urlBytes) + urlBytes + 1 + varintLength(objectBytes) + objectBytes;
    writer.tag(15, 2).varint(anyBytes).string(1, typeUrl).tag(2, 2).varint(objectBytes);
  }
  return writer.take();
}

/** An event that says the object is not selected any more. */
export function encodeDeselected(header: EventHeader): Buffer {
  const gone = { ...header, type: EventType.EVENT_TYPE_DELETED, previousLabels: NO_LABELS, labelsChanged: false };
  return encodeEvent(gone, "", undefined);
}

/** Reads the headers of all events in the bytes of a log entry (or any run of events). */
export function parseEvents(data: Buffer): EventView[] {
  const views: EventView[] = [];
  const reader = new WireReader(data);
  while (!reader.done) {
    const start = reader.at;
    const tag = reader.varint();
    if (tag !== TAG_EVENTS) throw new RangeError("a log entry holds something that is not an event");
    const end = reader.enter();
    views.push(parseEvent(data, start, reader.at, end));
    reader.at = end;
  }
  return views;
}

function parseEvent(data: Buffer, start: number, from: number, end: number): EventView {
  const view: EventView = {
    start,
    end,
    revision: 0,
    type: EventType.EVENT_TYPE_UNSPECIFIED,
    kind: "",
    name: "",
    origin: "",
    originEpoch: "",
    version: "",
    labels: {},
    previousLabels: NO_LABELS,
    labelsChanged: false,
    project: "",
    valueStart: end,
    valueEnd: end,
  };
  const reader = new WireReader(data, from, end);
  while (!reader.done) {
    const tag = reader.varint();
    switch (tag) {
      case 9:
        view.revision = reader.fixed64();
        break;
      case 16:
        view.type = reader.varint() as EventType;
        break;
      case 26:
        view.kind = reader.string();
        break;
      case 34:
        view.name = reader.string();
        break;
      case 42:
        view.origin = reader.string();
        break;
      case 50:
        view.originEpoch = reader.string();
        break;
      case 58:
        view.version = reader.string();
        break;
      case 66:
        reader.mapEntry(view.labels);
        break;
      case 74:
        if (view.previousLabels === NO_LABELS) view.previousLabels = {};
        reader.mapEntry(view.previousLabels);
        break;
      case 80:
        view.labelsChanged = reader.varint() !== 0;
        break;
      case 90:
        view.project = reader.string();
        break;
      case 122: {
        const anyEnd = reader.enter();
        const any = new WireReader(data, reader.at, anyEnd);
        while (!any.done) {
          const anyTag = any.varint();
          if (anyTag !== 18) {
            any.skip(anyTag);
            continue;
          }
          view.valueEnd = any.enter();
          view.valueStart = any.at;
          any.at = view.valueEnd;
        }
        reader.at = anyEnd;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  return view;
}
