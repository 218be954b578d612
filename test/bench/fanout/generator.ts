// The other end of the observers: raw sockets that parse frames, check that no number is missing, and time them.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { frameAt, isDelta, isOf, parseDeltas, sequenceOf, stampOf, type Frame, type Parsed } from "./frame-reader.ts";
import { Latencies } from "./latencies.ts";
import { FILLER_MIRROR } from "./publisher.ts";

interface Start {
  do: "connect";
  port: number;
  count: number;
  token: string;
  mirror: string;
  /** Those that will be told to stop reading: they observe FILLER_MIRROR too, which nothing is counted of. */
  fillable: number;
}
interface Count {
  do: "count";
}
interface Peek {
  do: "peek";
}
interface Stall {
  do: "stall";
  count: number;
  on: boolean;
}
export type GeneratorCommand = Start | Count | Peek | Stall;

export interface GeneratorCounts {
  deliveries: number;
  bytes: number;
  gaps: number;
  ended: number;
  /** Milliseconds from publication to here, of frames that carry their time. */
  latenciesMs: { p50: number; p99: number; max: number; count: number };
}

const observers: Observer[] = [];
const latencies = new Latencies();
let deliveries = 0;
let bytes = 0;
let gaps = 0;
let ended = 0;
/** All observers read into the same memory, one after the other: nothing is allocated for what is read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);
/** What an observer read last: most likely what the next one reads. */
let parsed: Parsed | undefined;
/** The machine's monotonic clock, which the server's stamps are of. */
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

class Observer {
  readonly socket: Socket;
  #rest: Buffer | undefined;
  #s = 0;
  #live = false;
  stalled = false;
  readonly ready: Promise<void>;
  #resolve!: () => void;
  #upgraded = false;
  readonly #hello: () => void;

  /** Observes FILLER_MIRROR too. */
  readonly #fillable: boolean;

  constructor({ port, token, mirror }: Start, fillable: boolean) {
    this.ready = new Promise((resolve) => (this.#resolve = resolve));
    this.#fillable = fillable;
    this.#hello = () => this.#greet(token, mirror);
    const callback = (length: number): boolean => {
      this.#read(length, nowMs());
      return true;
    };
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true, onread: { buffer: READ_BUFFER, callback } });
    const key = randomBytes(16).toString("base64");
    this.socket.write(
      `GET /v1/mirror HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: mirror.v1.json\r\n\r\n`,
    );
    this.socket.on("close", () => ended++);
    this.socket.on("error", () => this.socket.destroy());
  }

  #greet(token: string, mirror: string): void {
    this.#send(JSON.stringify({ t: "hello", id: 1, token }));
    this.#send(JSON.stringify({ t: "subscribe", id: 2, m: mirror }));
    if (this.#fillable) this.#send(JSON.stringify({ t: "subscribe", id: 3, m: FILLER_MIRROR }));
  }

  /** Masked with zeros: allowed, and the same bytes. */
  #send(text: string): void {
    const payload = Buffer.from(text);
    const head =
      payload.length < 126
        ? Buffer.from([0x81, 0x80 | payload.length])
        : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255]);
    this.socket.write(Buffer.concat([head, Buffer.alloc(4), payload]));
  }

  /** `length` bytes are in the buffer that all share. */
  #read(length: number, now: number): void {
    bytes += length;
    if (this.#live && !this.#rest && !this.#fillable) {
      const same = parsed?.bytes.length === length && READ_BUFFER.compare(parsed.bytes, 0, length, 0, length) === 0;
      if (!same) parsed = parseDeltas(READ_BUFFER, length);
      if (parsed) return this.#took(parsed, now);
    }
    const chunk = Buffer.from(READ_BUFFER.subarray(0, length));
    this.#slowly(this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk, now);
  }

  #took({ firstS, lastS, stampsMs }: Parsed, now: number): void {
    if (firstS !== this.#s + 1) gaps++;
    this.#s = lastS;
    deliveries += lastS - firstS + 1;
    for (const stampMs of stampsMs) latencies.add(now - stampMs);
  }

  /** Whatever it is, frame by frame. */
  #slowly(data: Buffer, now: number): void {
    let at = 0;
    if (!this.#upgraded) {
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) return void (this.#rest = data);
      if (!data.toString("latin1", 0, 16).includes("101")) throw new Error(data.toString("latin1", 0, end));
      this.#upgraded = true;
      at = end + 4;
      this.#hello();
    }
    for (let frame = frameAt(data, at, data.length); frame; frame = frameAt(data, at, data.length)) {
      if (frame.opcode === 9) this.socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      else if (this.#fillable && isOf(data, frame, FILLER_MIRROR)) {
        // Not what is measured.
      } else if (frame.opcode === 1 && isDelta(data, frame)) this.#delta(data, frame, now);
      else if (frame.opcode === 1) this.#other(data, frame);
      at = frame.end;
    }
    this.#rest = at < data.length ? data.subarray(at) : undefined;
  }

  #delta(data: Buffer, frame: Frame, now: number): void {
    const s = sequenceOf(data, frame);
    if (this.#live && s !== this.#s + 1) gaps++;
    this.#s = s;
    if (this.stalled) return;
    deliveries++;
    const stampMs = stampOf(data, frame);
    if (stampMs !== undefined) latencies.add(now - stampMs);
  }

  #other(data: Buffer, frame: Frame): void {
    const text = data.toString("utf8", frame.from, frame.to);
    if (text.startsWith('{"t":"error"')) throw new Error(text);
    if (text.startsWith('{"t":"resumed"')) this.#live = false;
    if (!text.startsWith('{"t":"synced"')) return;
    this.#live = true;
    this.#s = sequenceOf(data, frame);
    this.#resolve();
  }
}

function counts(): GeneratorCounts {
  const [p50, p99, max] = [latencies.quantileMs(0.5), latencies.quantileMs(0.99), latencies.quantileMs(1)];
  const result = { deliveries, bytes, gaps, ended, latenciesMs: { p50, p99, max, count: latencies.count } };
  latencies.clear();
  deliveries = 0;
  bytes = 0;
  return result;
}

const CONNECTING_AT_ONCE = 50;

async function command(message: GeneratorCommand): Promise<object> {
  if (message.do === "count") return counts();
  if (message.do === "peek") return { deliveries };
  if (message.do === "stall") {
    for (const observer of observers.slice(0, message.count)) {
      observer.stalled = message.on;
      if (message.on) observer.socket.pause();
      else observer.socket.resume();
    }
    return {};
  }
  for (let i = 0; i < message.count; i += CONNECTING_AT_ONCE) {
    const some = Array.from(
      { length: Math.min(CONNECTING_AT_ONCE, message.count - i) },
      (_, j) => new Observer(message, i + j < message.fillable),
    );
    observers.push(...some);
    await Promise.all(some.map((observer) => observer.ready));
  }
  return { observers: observers.length };
}

process.on("message", (message: GeneratorCommand) => {
  command(message).then(
    (result) => process.send!(result),
    (error: Error) => process.send!({ error: error.message }),
  );
});
process.on("disconnect", () => process.exit());
