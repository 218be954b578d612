import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

export interface RawFrame {
  opcode: number;
  payload: Buffer;
}

/** A WebSocket client made by hand, for what a proper one would not send, and that reads only when told to. */
export class RawSocket {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  readonly frames: RawFrame[] = [];
  #waiting: (() => void)[] = [];
  ended = false;
  closeCode: number | undefined;

  private constructor(socket: Socket, rest: Buffer) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.ended = true;
      this.#wake();
    });
    this.#take(rest);
  }

  /** Rejects with the status line when the upgrade is refused. */
  static async open(address: string, headers: Record<string, string> = {}, path = "/v1/mirror"): Promise<RawSocket> {
    const at = address.lastIndexOf(":");
    const socket = connect(Number(address.slice(at + 1)), address.slice(0, at));
    socket.setNoDelay(true);
    const key = randomBytes(16).toString("base64");
    const all = {
      Host: address,
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": key,
      "Sec-WebSocket-Protocol": "mirror.v1.json",
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    const { head, rest } = await readHead(socket);
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    if (!head.startsWith("HTTP/1.1 101") || !head.includes(accept)) {
      socket.destroy();
      throw new Error(head.split("\r\n")[0]);
    }
    return new RawSocket(socket, rest);
  }

  text(text: string): void {
    this.frame(0x81, Buffer.from(text));
  }

  json(frame: object): void {
    this.text(JSON.stringify(frame));
  }

  /** One masked frame; `first`: the byte with FIN and opcode. */
  frame(first: number, payload: Buffer): void {
    const mask = randomBytes(4);
    const { length } = payload;
    const head =
      length < 126
        ? Buffer.from([first, 0x80 | length])
        : length < 65_536
          ? Buffer.from([first, 0x80 | 126, length >> 8, length & 0xff])
          : Buffer.concat([Buffer.from([first, 0x80 | 127, 0, 0, 0, 0]), uint32(length)]);
    const masked = Buffer.from(payload);
    for (let i = 0; i < length; i++) masked[i]! ^= mask[i & 3]!;
    this.socket.write(Buffer.concat([head, mask, masked]));
  }

  /** The next frame for which `wanted` holds; those before are dropped. */
  async next(wanted: (frame: Record<string, unknown>) => boolean, timeoutMs = 5_000): Promise<Record<string, unknown>> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      while (this.frames.length > 0) {
        const { payload } = this.frames.shift()!;
        const frame = JSON.parse(payload.toString()) as Record<string, unknown>;
        if (wanted(frame)) return frame;
      }
      if (this.ended) throw new Error(`the connection ended, code ${this.closeCode}`);
      await this.#change(deadlineMs);
    }
  }

  error(): Promise<Record<string, unknown>> {
    return this.next((frame) => frame["t"] === "error");
  }

  /** The code of the close frame. */
  async closed(timeoutMs = 5_000): Promise<number | undefined> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.ended) await this.#change(deadlineMs);
    return this.closeCode;
  }

  async hello(token: string): Promise<void> {
    this.json({ t: "hello", id: 1, token });
    await this.next((frame) => frame["t"] === "reply" && frame["id"] === 1);
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #change(deadlineMs: number): Promise<void> {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) throw new Error("nothing came in time");
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, leftMs);
    this.#waiting.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const bytes = this.#bytes;
      if (bytes.length < 2) break;
      const short = bytes[1]! & 0x7f;
      const head = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (bytes.length < head) break;
      const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
      if (bytes.length < head + length) break;
      this.#one({ opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length) });
      this.#bytes = bytes.subarray(head + length);
    }
    this.#wake();
  }

  #one(frame: RawFrame): void {
    if (frame.opcode === 1) this.frames.push(frame);
    else if (frame.opcode === 8) {
      this.closeCode = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
      this.frame(0x88, frame.payload.subarray(0, 2));
    } else if (frame.opcode === 9) this.frame(0x8a, frame.payload);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", onData);
      resolve({ head: bytes.toString("latin1", 0, end), rest: bytes.subarray(end + 4) });
    };
    socket.on("data", onData);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed before an answer")));
  });
}
