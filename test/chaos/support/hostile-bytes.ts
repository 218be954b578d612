import { randomBytes, randomInt } from "node:crypto";

/** Messages that nobody who means well sends, each with a name. Other bytes at each call. */
export function hostileBytes(): [string, Buffer][] {
  return [
    ["random, short", randomBytes(randomInt(1, 64))],
    ["random, long", randomBytes(randomInt(1_000, 60_000))],
    ["a length beyond the end", Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ["a varint without end", Buffer.alloc(64, 0xff)],
    ["text that is not UTF-8", Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from([0xff, 0xfe, 0xc0, 0x80])])],
    ["groups in groups", Buffer.alloc(200_000, 0x0b)],
    ["messages in messages", nested(5_000)],
    ["10,000 unknown fields", unknownFields(10_000)],
    ["one field 10,000 times", Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x0a, 1, 0x61])))],
    ["field number 0", Buffer.from([0x00, 0x00])],
    ["a name of 1 MiB", field(1, Buffer.alloc(1 << 20, 0x61))],
    ["control characters", field(1, Buffer.from("projects/default/instances/\u0000\u001b[2J\r\n../../etc"))],
  ];
}

/** A length-delimited field. */
export function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) {
      bytes.push(left);
      return Buffer.from(bytes);
    }
    bytes.push((left % 128) | 0x80);
  }
}

/** Field 1 in field 1 in field 1… */
function nested(depth: number): Buffer {
  const heads: Buffer[] = [];
  let length = 0;
  for (let level = 0; level < depth; level++) {
    const head = Buffer.concat([varint(0x0a), varint(length)]);
    heads.push(head);
    length += head.length;
  }
  return Buffer.concat(heads.toReversed());
}

export function unknownFields(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, at) => field(1_000 + at, Buffer.from("x"))));
}
