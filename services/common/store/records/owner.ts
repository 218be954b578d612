import { WireReader } from "../log/wire.ts";

/** Uid and host of an encoded record, without decoding the rest. */
export function ownerOf(bytes: Buffer): { uid: string; host: string } {
  const owner = { uid: "", host: "" };
  const record = new WireReader(bytes, 1);
  const metaEnd = record.enter();
  const meta = new WireReader(bytes, record.at, metaEnd);
  while (!meta.done) {
    const tag = meta.varint();
    if (tag === 26) owner.uid = meta.string();
    else if (tag === 90) owner.host = meta.string();
    else meta.skip(tag);
  }
  return owner;
}
