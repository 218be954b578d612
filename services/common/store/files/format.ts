import { crc32 } from "node:zlib";
import { WireReader, WireWriter } from "../log/wire.ts";

const MAGIC = Buffer.from("GANTRYR1");
const FIXED_BYTES = MAGIC.length + 8;

/** What a record file says besides the record. */
export interface FileHeader {
  kind: string;
  name: string;
  uid: string;
  /** Log in which `version` was given. */
  logId: string;
  /** Revision of the write that the file holds; of the deletion for a tombstone. */
  version: number;
  schema: number;
  deleted: boolean;
  /** Of a tombstone, ms since 1970. */
  deleteTimeMs: number;
}

export interface RecordFile {
  header: FileHeader;
  bytes: Buffer;
}

/** Magic, header length, CRC-32 of all that follows, header, record. */
export function encodeFile(header: FileHeader, bytes: Buffer): Buffer {
  const head = new WireWriter(512)
    .string(1, header.kind)
    .string(2, header.name)
    .string(3, header.uid)
    .string(4, header.logId)
    .fixed64(5, header.version)
    .tag(6, 0)
    .varint(header.schema)
    .bool(7, header.deleted)
    .fixed64(8, header.deleteTimeMs)
    .take();
  const fixed = Buffer.alloc(FIXED_BYTES);
  MAGIC.copy(fixed);
  fixed.writeUInt32LE(head.length, MAGIC.length);
  fixed.writeUInt32LE(crc32(bytes, crc32(head)), MAGIC.length + 4);
  return Buffer.concat([fixed, head, bytes]);
}

/** Throws when the file is not whole. */
export function decodeFile(file: Buffer): RecordFile {
  if (file.length < FIXED_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Error("is not a record file");
  const headEnd = FIXED_BYTES + file.readUInt32LE(MAGIC.length);
  if (crc32(file.subarray(FIXED_BYTES)) !== file.readUInt32LE(MAGIC.length + 4))
    throw new Error("is damaged (checksum)");
  return { header: decodeHeader(file.subarray(FIXED_BYTES, headEnd)), bytes: file.subarray(headEnd) };
}

function decodeHeader(head: Buffer): FileHeader {
  const header: FileHeader = {
    kind: "",
    name: "",
    uid: "",
    logId: "",
    version: 0,
    schema: 0,
    deleted: false,
    deleteTimeMs: 0,
  };
  const reader = new WireReader(head);
  while (!reader.done) {
    const tag = reader.varint();
    switch (tag >>> 3) {
      case 1:
        header.kind = reader.string();
        break;
      case 2:
        header.name = reader.string();
        break;
      case 3:
        header.uid = reader.string();
        break;
      case 4:
        header.logId = reader.string();
        break;
      case 5:
        header.version = reader.fixed64();
        break;
      case 6:
        header.schema = reader.varint();
        break;
      case 7:
        header.deleted = reader.varint() !== 0;
        break;
      case 8:
        header.deleteTimeMs = reader.fixed64();
        break;
      default:
        reader.skip(tag);
    }
  }
  return header;
}
