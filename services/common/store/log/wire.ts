/** Hand-written pieces of the protobuf wire format, for what the store passes through without decoding. */

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

export function varintLength(value: number): number {
  let length = 1;
  while (value >= 0x80) {
    value = Math.floor(value / 0x80);
    length++;
  }
  return length;
}

/** Writes fields one after the other into a buffer that grows; `take` copies them out and begins anew. */
export class WireWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.#at;
  }

  varint(value: number): this {
    this.#reserve(10);
    while (value >= 0x80) {
      this.#buffer[this.#at++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.#buffer[this.#at++] = value;
    return this;
  }

  tag(field: number, wireType: number): this {
    return this.varint(field * 8 + wireType);
  }

  string(field: number, value: string): this {
    if (value === "") return this;
    const length = Buffer.byteLength(value);
    this.tag(field, WIRE_BYTES).varint(length).#reserve(length);
    this.#at += this.#buffer.write(value, this.#at);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return this.tag(field, WIRE_BYTES).varint(value.length).raw(value);
  }

  bool(field: number, value: boolean): this {
    return value ? this.tag(field, WIRE_VARINT).varint(1) : this;
  }

  fixed64(field: number, value: number): this {
    this.tag(field, WIRE_FIXED64).#reserve(8);
    this.#at = this.#buffer.writeBigUInt64LE(BigInt(value), this.#at);
    return this;
  }

  /** A `map<string, string>`. */
  map(field: number, entries: Record<string, string>): this {
    for (const key in entries) {
      const value = entries[key] ?? "";
      const keyLength = Buffer.byteLength(key);
      const valueLength = Buffer.byteLength(value);
      const size = stringFieldLength(keyLength) + stringFieldLength(valueLength);
      this.tag(field, WIRE_BYTES).varint(size).string(1, key).string(2, value);
    }
    return this;
  }

  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  take(): Buffer {
    const result = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
    return result;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** Of a field with a number below 16; an empty one is not written. */
function stringFieldLength(length: number): number {
  return length === 0 ? 0 : 1 + varintLength(length) + length;
}

/** Walks the fields of a message. */
export class WireReader {
  readonly data: Buffer;
  readonly end: number;
  at: number;

  constructor(data: Buffer, start = 0, end = data.length) {
    this.data = data;
    this.at = start;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** Up to 2^53 - 1; larger values lose their low bits. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.data[this.at++];
      if (byte === undefined || this.at > this.end) throw new RangeError("a message ends in the middle of a number");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new RangeError("a number of a message is too long");
  }

  fixed64(): number {
    const value = Number(this.data.readBigUInt64LE(this.at));
    this.at += 8;
    return value;
  }

  /** Steps over a length-delimited field and returns where it ends; its content begins at `at` before. */
  enter(): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.end) throw new RangeError("a field is longer than its message");
    return end;
  }

  string(): string {
    const end = this.enter();
    const value = this.data.toString("utf8", this.at, end);
    this.at = end;
    return value;
  }

  bytes(): Buffer {
    const end = this.enter();
    const value = this.data.subarray(this.at, end);
    this.at = end;
    return value;
  }

  mapEntry(into: Record<string, string>): void {
    const end = this.enter();
    const entry = new WireReader(this.data, this.at, end);
    let key = "";
    let value = "";
    while (!entry.done) {
      const tag = entry.varint();
      if (tag === 10) key = entry.string();
      else if (tag === 18) value = entry.string();
      else entry.skip(tag);
    }
    into[key] = value;
    this.at = end;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.varint();
        return;
      case WIRE_FIXED64:
        this.at += 8;
        return;
      case WIRE_BYTES:
        this.at = this.enter();
        return;
      case WIRE_FIXED32:
        this.at += 4;
        return;
      default:
        throw new RangeError(`wire type ${tag & 7} is not known`);
    }
  }
}
