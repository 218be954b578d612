// The other end of the observers: raw sockets that parse frames, check that no number is missing, and time them.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

interface Start {
  do: "connect";
  port: number;
  count: number;
  token: string;
  mirror: string;
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
  /** Nanoseconds from publication to here, of frames that carry their time. */
  latenciesMs: { p50: number; p99: number; max: number; count: number };
}

const observers: Observer[] = [];
let latencies: number[] = [];
let deliveries = 0;
let bytes = 0;
let gaps = 0;
let ended = 0;
const SEQUENCE = Buffer.from('"s":');
const STAMP = Buffer.from("@t=");

class Observer {
  readonly socket: Socket;
  #rest: Buffer | undefined;
  #s = 0;
  #live = false;
  stalled = false;
  readonly ready: Promise<void>;
  #resolve!: () => void;
  #upgraded = false;
  #sequenceAt = -1;

  constructor(port: number, token: string, mirror: string) {
    this.ready = new Promise((resolve) => (this.#resolve = resolve));
    this.socket = connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    const key = randomBytes(16).toString("base64");
    this.socket.write(
      `GET /v1/mirror HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: mirror.v1.json\r\n\r\n`,
    );
    this.socket.on("data", (chunk: Buffer) => this.#data(chunk, () => this.#greet(token, mirror)));
    this.socket.on("close", () => ended++);
    this.socket.on("error", () => this.socket.destroy());
  }

  #greet(token: string, mirror: string): void {
    this.#send(JSON.stringify({ t: "hello", id: 1, token }));
    this.#send(JSON.stringify({ t: "subscribe", id: 2, m: mirror }));
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

  #data(chunk: Buffer, upgraded: () => void): void {
    let data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    bytes += chunk.length;
    if (!this.#upgraded) {
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) return void (this.#rest = data);
      if (!data.toString("latin1", 0, 16).includes("101")) throw new Error(data.toString("latin1", 0, end));
      this.#upgraded = true;
      data = data.subarray(end + 4);
      upgraded();
    }
    let at = 0;
    const now = Number(process.hrtime.bigint()) / 1e6;
    while (data.length - at >= 2) {
      const short = data[at + 1]!;
      const head = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (data.length - at < head) break;
      const length =
        short === 126 ? data.readUInt16BE(at + 2) : short === 127 ? Number(data.readBigUInt64BE(at + 2)) : short;
      if (data.length - at < head + length) break;
      const opcode = data[at]! & 15;
      if (opcode === 1) this.#frame(data, at + head, length, now);
      else if (opcode === 9) this.socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      at += head + length;
    }
    this.#rest = at < data.length ? data.subarray(at) : undefined;
  }

  #frame(data: Buffer, at: number, length: number, now: number): void {
    // {"t":"delta"...: the sixth byte behind the brace tells the type.
    const type = data[at + 6]!;
    if (type !== 0x64) {
      const text = data.toString("utf8", at, at + length);
      if (text.startsWith('{"t":"error"')) throw new Error(text);
      if (text.startsWith('{"t":"synced"')) {
        this.#live = true;
        this.#s = this.#number(data, at);
        this.#resolve();
      } else if (text.startsWith('{"t":"resumed"')) this.#live = false;
      return;
    }
    if (!this.stalled) deliveries++;
    const s = this.#number(data, at);
    if (this.#live && s !== this.#s + 1) gaps++;
    this.#s = s;
    if (this.stalled) return;
    const stamp = data.lastIndexOf(STAMP, at + length - 1);
    if (stamp > at) latencies.push(now - Number(data.toString("latin1", stamp + 3, data.indexOf("@", stamp + 3))));
  }

  #number(data: Buffer, at: number): number {
    // All frames of a mirror have it at the same place, one per type.
    let from = this.#sequenceAt + at;
    if (this.#sequenceAt < 0 || data[from - 1] !== 0x3a || data[from - 2] !== 0x22 || data[from - 3] !== 0x73) {
      from = data.indexOf(SEQUENCE, at) + SEQUENCE.length;
      this.#sequenceAt = from - at;
    }
    let value = 0;
    for (let i = from; data[i]! >= 0x30 && data[i]! <= 0x39; i++) value = value * 10 + data[i]! - 0x30;
    return value;
  }
}

function counts(): GeneratorCounts {
  const sorted = Float64Array.from(latencies).sort();
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  const result = {
    deliveries,
    bytes,
    gaps,
    ended,
    latenciesMs: { p50: at(0.5), p99: at(0.99), max: at(1), count: sorted.length },
  };
  latencies = [];
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
      () => new Observer(message.port, message.token, message.mirror),
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
