/**
 * Writer of DER, the encoding of certificates. A library that builds certificates reads back all it writes, which for a cluster's twenty
 * took four times as long as everything else about them.
 */
export type Der = Buffer;

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONSTRUCTED_CONTEXT = 0xa0;
const PRIMITIVE_CONTEXT = 0x80;
/** Years from this one on have no UTCTime (RFC 5280, 4.1.2.5). */
const FIRST_GENERALIZED_YEAR = 2050;

export const NULL: Der = Buffer.from([0x05, 0x00]);
export const TRUE: Der = element(TAG.boolean, Buffer.from([0xff]));

export function sequence(...parts: readonly Der[]): Der {
  return element(TAG.sequence, Buffer.concat(parts));
}

export function set(part: Der): Der {
  return element(TAG.set, part);
}

/** `hex`: two's complement, that is without the highest bit when positive. */
export function integer(hex: string): Der {
  return element(TAG.integer, Buffer.from(hex, "hex"));
}

export function octetString(content: Buffer): Der {
  return element(TAG.octetString, content);
}

export function bitString(content: Buffer, unusedBits = 0): Der {
  return element(TAG.bitString, Buffer.concat([Buffer.from([unusedBits]), content]));
}

export function utf8String(text: string): Der {
  return element(TAG.utf8String, Buffer.from(text));
}

/** `1.2.840.…` */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

export function time(when: Date): Der {
  const digits = `${when.toISOString().slice(0, "2026-01-31T08:05:00".length).replaceAll(/[-T:]/g, "")}Z`;
  if (when.getUTCFullYear() >= FIRST_GENERALIZED_YEAR) return element(TAG.generalizedTime, Buffer.from(digits));
  return element(TAG.utcTime, Buffer.from(digits.slice(2)));
}

/** `[n]` around other elements. */
export function tagged(n: number, ...parts: readonly Der[]): Der {
  return element(CONSTRUCTED_CONTEXT | n, Buffer.concat(parts));
}

/** `[n]` in place of an element's own tag. */
export function retagged(n: number, content: Buffer): Der {
  return element(PRIMITIVE_CONTEXT | n, content);
}

function element(tag: number, content: Buffer): Der {
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) | 0x80);
  return digits;
}
