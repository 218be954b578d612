import { hash } from "node:crypto";
import { Meta } from "../../../../proto/gen/gantry/common/v1/meta.ts";
import { internal, resourceExhausted } from "../../errors/errors.ts";
import type { Kind, Resource } from "../api.ts";
import { WireReader } from "../log/wire.ts";

/** Largest record, in encoded form. */
export const RECORD_BYTES_MAX = 1024 * 1024;
export const SCHEMA_BYTES = 2;
/** Any version but 0, so that the field is there for the store to fill in. */
const VERSION_PLACEHOLDER = 1n;

/** A record as Redis has it: two bytes of schema, then the message. */
export interface StoredRecord {
  schema: number;
  bytes: Buffer;
}

export function splitStored(value: Buffer): StoredRecord {
  return { schema: value.readUInt16LE(0), bytes: value.subarray(SCHEMA_BYTES) };
}

export function joinStored({ schema, bytes }: StoredRecord): Buffer {
  const value = Buffer.allocUnsafe(SCHEMA_BYTES + bytes.length);
  value.writeUInt16LE(schema, 0);
  value.set(bytes, SCHEMA_BYTES);
  return value;
}

/** Where the eight bytes of `meta.version` begin: behind the tag and length of `meta` and the tag of `version`. */
export function versionOffset(bytes: Uint8Array): number {
  let at = 1;
  while ((bytes[at] ?? 0) >= 0x80) at++;
  if (bytes[0] !== 0x0a || bytes[at + 1] !== 0x09)
    throw new TypeError("a record begins with its meta, and that with its version");
  return at + 2;
}

export function versionOf(bytes: Buffer): number {
  return Number(bytes.readBigUInt64LE(versionOffset(bytes)));
}

/** Name and uid as every record's meta has them, one behind the other, after its version. */
export function identityBytes({ name, uid }: Pick<Meta, "name" | "uid">): Buffer {
  return Buffer.from(Meta.encode(Meta.fromPartial({ name, uid })).finish());
}

/** Decodes the meta alone. */
export function metaOf(bytes: Buffer): Meta {
  const reader = new WireReader(bytes, 1);
  const end = reader.enter();
  return Meta.decode(bytes.subarray(reader.at, end));
}

/** RESOURCE_EXHAUSTED when the record is larger than RECORD_BYTES_MAX. */
export function encodeRecord<T extends Resource>(kind: Kind<T>, record: T): Buffer {
  const meta = record.meta!;
  const version = meta.version;
  meta.version = VERSION_PLACEHOLDER;
  const encoded = kind.message.encode(record).finish();
  meta.version = version;
  if (encoded.length > RECORD_BYTES_MAX) {
    throw resourceExhausted("RECORD_BYTES_MAX", `${meta.name} is larger than ${RECORD_BYTES_MAX} bytes`);
  }
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
}

/** As Redis has a record that was read or written before; undefined for one that was not. */
export function storedOf<T extends Resource>(kind: Kind<T>, record: T): StoredRecord | undefined {
  if ((record.meta?.version ?? 0n) === 0n) return undefined;
  const { buffer, byteOffset, length } = kind.message.encode(record).finish();
  return { schema: kind.schema, bytes: Buffer.from(buffer, byteOffset, length) };
}

/** Decodes a record, brought up to the kind's present layout. */
export function decodeRecord<T extends Resource>(kind: Kind<T>, { schema, bytes }: StoredRecord): T {
  if (schema === kind.schema) return kind.message.decode(bytes);
  if (schema > kind.schema) throw newerSchema(kind, schema);
  if (kind.migrate === undefined) throw internal("NO_MIGRATION", `${kind.name} cannot be read from schema ${schema}`);
  return kind.migrate(bytes, schema);
}

export function newerSchema(kind: { name: string; schema: number }, found: number): Error {
  const text = `records of ${kind.name} have schema ${found}, this version of Gantry knows ${kind.schema}: upgrade it`;
  return internal("SCHEMA_NEWER", text);
}

/** The same for two records whose user-visible identity is the same: a status write does not change it. */
export function etagOf(meta: Meta): string {
  const parts = [meta.uid, meta.generation.toString(), sorted(meta.labels), sorted(meta.annotations)];
  return hash("sha256", JSON.stringify(parts), "base64url").slice(0, 22);
}

function sorted(map: Record<string, string>): [string, string][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function sameLabels(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}
