// What an observer makes of the bytes it reads. Nearly all observers read the very same bytes in the same order, so the generator parses a piece once and
// compares it byte for byte with what the next observer read: every byte is still looked at, and the generator stays ahead of the server.

/** Deltas of one piece of the stream. */
export interface Parsed {
  /** Copy of the bytes: whole frames, nothing but deltas. */
  bytes: Buffer;
  firstS: number;
  lastS: number;
  /** Times of publication, of the frames that carry one. */
  stampsMs: number[];
}

export interface Frame {
  opcode: number;
  /** Of the payload. */
  from: number;
  to: number;
  /** Where the next one begins. */
  end: number;
}

/** The unmasked frame at `at`; undefined when it is not whole. */
export function frameAt(data: Buffer, at: number, end: number): Frame | undefined {
  if (end - at < 2) return undefined;
  const short = data[at + 1]!;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (end - at < head) return undefined;
  const length =
    short === 126 ? data.readUInt16BE(at + 2) : short === 127 ? Number(data.readBigUInt64BE(at + 2)) : short;
  const from = at + head;
  return end - from < length ? undefined : { opcode: data[at]! & 15, from, to: from + length, end: from + length };
}

const DELTA = '{"t":"delta"';
/** The mirror's name stands within these. */
const HEAD_BYTES = 100;
const SEQUENCE = Buffer.from('"s":');
const STAMP = Buffer.from("@t=");

export function isDelta(data: Buffer, frame: Frame): boolean {
  return data.toString("latin1", frame.from, frame.from + DELTA.length) === DELTA;
}

/** Whether the frame, whatever its type, is of the mirror. */
export function isOf(data: Buffer, frame: Frame, mirror: string): boolean {
  return data.toString("latin1", frame.from, Math.min(frame.to, frame.from + HEAD_BYTES)).includes(`"m":"${mirror}"`);
}

/** The sequence number, which stands before anything that could look like it. */
export function sequenceOf(data: Buffer, frame: Frame): number {
  return digitsAt(data, data.indexOf(SEQUENCE, frame.from) + SEQUENCE.length);
}

/** When the server published the delta, on the machine's monotonic clock. */
export function stampOf(data: Buffer, frame: Frame): number | undefined {
  const at = data.lastIndexOf(STAMP, frame.to - 1);
  if (at < frame.from) return undefined;
  return Number(data.toString("latin1", at + STAMP.length, data.indexOf("@", at + STAMP.length)));
}

/** A piece that is whole deltas without a gap; undefined: something else, which is for the slow way. */
export function parseDeltas(data: Buffer, length: number): Parsed | undefined {
  const stampsMs: number[] = [];
  let firstS = -1;
  let lastS = -1;
  for (let at = 0; at < length;) {
    const frame = frameAt(data, at, length);
    if (frame?.opcode !== 1 || !isDelta(data, frame)) return undefined;
    const s = sequenceOf(data, frame);
    if (lastS >= 0 && s !== lastS + 1) return undefined;
    if (firstS < 0) firstS = s;
    lastS = s;
    const stamp = stampOf(data, frame);
    if (stamp !== undefined) stampsMs.push(stamp);
    at = frame.end;
  }
  return firstS < 0 ? undefined : { bytes: Buffer.from(data.subarray(0, length)), firstS, lastS, stampsMs };
}

function digitsAt(data: Buffer, from: number): number {
  let value = 0;
  for (let i = from; data[i]! >= 0x30 && data[i]! <= 0x39; i++) value = value * 10 + data[i]! - 0x30;
  return value;
}
