import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Principal } from "../../services/common/auth/principal.ts";
import { formatHostPort } from "../../services/common/config/values.ts";
import {
  invalidArgument,
  resourceExhausted,
  unauthenticated,
  type GantryError,
} from "../../services/common/errors/errors.ts";
import { toGantryError } from "../../services/common/errors/status.ts";
import type { Channel } from "../mirror/channel.ts";
import { frameText } from "../mirror/frame-bytes.ts";
import { LAGGING_BYTES, type Observer, type Sink } from "../mirror/observer.ts";
import { CLOSE_CODES, type CloseName } from "./close-codes.ts";
import type { CommandSession } from "./commands.ts";
import { errorFrame, type FrameId } from "./error-frame.ts";
import { frameId } from "./fields.ts";
import { handlers } from "./handlers.ts";
import { BadFrame, parseFrame, type ClientFrame } from "./parse-frame.ts";
import type { SocketServer } from "./socket-server.ts";
import { ReadPace } from "./read-pace.ts";

/** A socket that was told to close and does not answer is cut after this long. */
const CLOSE_GRACE_MS = 2_000;
const NONE: readonly Observer[] = [];
/** Frames that may come while `hello` is being checked. */
const EARLY_FRAMES_MAX = 16;

/** One WebSocket: who it is, what it observes, what it is owed. There may be ten thousand: while it keeps to its limits it holds no timer and no closure. */
export class Session implements Sink {
  readonly server: SocketServer;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  principal: Principal | undefined;
  token = "";
  /** What came while `hello` is being checked; undefined when it is not. */
  #early: ClientFrame[] | undefined;
  warned = false;
  readonly openedMs: number;
  lastHeardMs: number;
  #progressMs: number;
  #takenBytes = 0;
  #closing = false;
  #framePace: ReadPace | undefined;
  #bytePace: ReadPace | undefined;
  /** Whether this flood of frames was told of. */
  #floodTold = false;
  /** Runs while nothing is read because too much came. */
  #rest: NodeJS.Timeout | undefined;
  /** One for each mirror; few, so a list is searched. */
  subscriptions: readonly Observer[] = NONE;
  /** Mirrors whose `subscribe` waits, each with a mark of its own; `unsubscribe` takes it away. */
  joining: Map<string, object> | undefined;
  commands: CommandSession | undefined;
  drainCallbacks: (() => void)[] | undefined;

  constructor(server: SocketServer, ws: WebSocket, socket: Socket) {
    const nowMs = performance.now();
    this.server = server;
    this.#ws = ws;
    this.#socket = socket;
    this.openedMs = nowMs;
    this.lastHeardMs = nowMs;
    this.#progressMs = nowMs;
  }

  get subject(): string {
    return this.principal?.subject ?? "";
  }

  get open(): boolean {
    return !this.#closing && this.#ws.readyState === this.#ws.OPEN;
  }

  /** Address of the client, `ip:port`. */
  get peer(): string {
    const { remoteAddress = "", remotePort = 0 } = this.#socket;
    return formatHostPort({ host: remoteAddress, port: remotePort });
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /**
   * Whole frames straight to the socket, past ws's sender. That is sound while ws itself writes every frame of its own in one go: no
   * compression, no fragments, no Blobs, all of which this gateway never uses. test/gateway/ws/raw-frames.test.ts watches over it.
   */
  write(frames: Buffer): void {
    if (this.open) this.#socket.write(frames);
  }

  /** False when much is unsent. */
  send(frame: object): boolean {
    // Looked at before: one large answer is no sign of a slow client.
    if (this.unsentBytes > this.server.limits.unsentBytesMax) this.close("SLOW");
    if (!this.open) return false;
    this.write(frameText(JSON.stringify(frame)));
    if (this.unsentBytes > this.server.limits.pauseReadingBytes) this.#ws.pause();
    return this.unsentBytes <= LAGGING_BYTES;
  }

  reply(id: FrameId | undefined, fields: object): void {
    this.send({ t: "reply", ...(id === undefined ? {} : { id }), ...fields });
  }

  fail(id: FrameId | undefined, error: unknown, extra: object = {}): void {
    const known = toGantryError(error, (err, errorId) => this.server.log.error({ err, errorId }, "a frame failed"));
    this.send(errorFrame(id, known, extra));
  }

  close(name: CloseName): void {
    if (this.#closing) return;
    this.#closing = true;
    this.server.metrics?.closed(name);
    this.release();
    clearTimeout(this.#rest);
    // The other side's answer to the close must be read.
    this.#ws.resume();
    this.#ws.close(CLOSE_CODES[name].code, name);
    const cut = setTimeout(() => this.#ws.terminate(), CLOSE_GRACE_MS);
    this.#ws.once("close", () => clearTimeout(cut));
  }

  /** Says why, then closes. */
  refuse(id: FrameId | undefined, error: GantryError, name: CloseName): void {
    this.fail(id, error);
    this.close(name);
  }

  received(data: Buffer, isBinary: boolean): void {
    if (this.#closing) return;
    const nowMs = performance.now();
    this.lastHeardMs = nowMs;
    if (isBinary) return this.close("UNSUPPORTED");
    const { limits } = this.server;
    if (!this.principal && data.length > limits.earlyFrameBytesMax) return this.close("TOO_BIG");
    this.#bytePace ??= new ReadPace(limits.bytesPerSecond, limits.bytesBurst, nowMs);
    this.#framePace ??= new ReadPace(limits.framesPerSecond, limits.framesBurst, nowMs);
    const framesRestMs = this.#framePace.spend(1, nowMs);
    const restMs = Math.max(this.#bytePace.spend(data.length, nowMs), framesRestMs);
    if (restMs > 0) this.#restFor(restMs);
    if (framesRestMs > 0) this.#tellOfFlood();
    let frame: ClientFrame;
    try {
      frame = parseFrame(data, limits.frameDepthMax);
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      return this.refuse(undefined, invalidArgument([{ field: "frame", description: error.message }]), "BAD_FRAME");
    }
    this.#handle(frame);
  }

  drained(): void {
    this.#readOn();
    for (const observer of this.subscriptions) observer.channel.drained(observer);
    const callbacks = this.drainCallbacks;
    this.drainCallbacks = undefined;
    for (const callback of callbacks ?? []) callback();
  }

  ponged(): void {
    this.lastHeardMs = performance.now();
  }

  /** The mirror has gone: the socket stays, the subscription ends. */
  ended(channel: Channel): void {
    const { name, epoch, s } = channel.mirror;
    this.subscriptions = this.subscriptions.filter((each) => each.channel !== channel);
    this.fail(undefined, this.server.mirrorGone(name), { m: name, e: epoch, s });
  }

  subscription(name: string): Observer | undefined {
    return this.subscriptions.find((each) => each.channel.mirror.name === name);
  }

  subscribe(channel: Channel, from: { epoch: string; s: number } | undefined): void {
    this.subscriptions = [...this.subscriptions, channel.join(this, from)];
  }

  unsubscribe(name: string): boolean {
    const found = this.subscription(name);
    if (!found) return false;
    this.subscriptions = this.subscriptions.filter((each) => each !== found);
    found.channel.leave(found);
    return true;
  }

  /** The socket has closed. */
  gone(): void {
    clearTimeout(this.#rest);
    this.release();
  }

  /** Ends all that goes on for this socket. */
  release(): void {
    for (const observer of this.subscriptions) observer.channel.leave(observer);
    this.subscriptions = NONE;
    this.joining = undefined;
    this.commands?.destroy();
    this.commands = undefined;
    this.drainCallbacks = undefined;
  }

  /** Looked at every second, for all sockets in one go. */
  sweep(nowMs: number, ping: boolean): void {
    if (this.#closing) return;
    const { limits } = this.server;
    // Made anew with the next frame: most observers send none.
    if (this.#framePace?.rested(nowMs)) {
      this.#framePace = undefined;
      this.#floodTold = false;
    }
    if (this.#bytePace?.rested(nowMs)) this.#bytePace = undefined;
    if (!this.principal) {
      if (nowMs - this.openedMs > limits.helloTimeoutMs) this.close("HELLO_TIMEOUT");
      return;
    }
    // Nothing is heard while nothing is read.
    if (this.#ws.isPaused) this.lastHeardMs = nowMs;
    const taken = this.#socket.bytesWritten - this.unsentBytes;
    if (this.unsentBytes === 0 || taken !== this.#takenBytes) this.#progressMs = nowMs;
    this.#takenBytes = taken;
    if (nowMs - this.#progressMs > limits.stalledMs) return this.close("SLOW");
    const leftMs = this.principal.expiresMs - Date.now();
    if (leftMs <= -limits.clockLeewayMs) {
      this.fail(undefined, unauthenticated("the token has expired", "TOKEN_EXPIRED"));
      return this.close("TOKEN_EXPIRED");
    }
    if (leftMs <= limits.expiryWarningMs && !this.warned) {
      this.warned = true;
      this.send({ t: "expiring", expires: new Date(this.principal.expiresMs).toISOString() });
    }
    if (nowMs - this.lastHeardMs > 2 * limits.pingIntervalMs) return this.close("PING_TIMEOUT");
    if (ping) this.#ws.ping();
  }

  /** Frames that follow `hello` need not wait for its reply: they are looked at when it is settled. */
  async greet(identify: () => Promise<void>): Promise<void> {
    this.#early = [];
    await identify();
    const early = this.#early;
    this.#early = undefined;
    for (const frame of early) if (!this.#closing) this.#handle(frame);
  }

  /** What has come is handled, however much it is (a read of the kernel's buffer at most); the next is read once the pace allows it. */
  #restFor(ms: number): void {
    this.#ws.pause();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      this.#readOn();
    }, ms);
  }

  #readOn(): void {
    if (!this.#rest && this.unsentBytes <= this.server.limits.pauseReadingBytes) this.#ws.resume();
  }

  #handle(frame: ClientFrame): void {
    const id = frameId(frame);
    if (this.#early && this.#early.length < EARLY_FRAMES_MAX) return void this.#early.push(frame);
    if (!this.principal && (frame.t !== "hello" || this.#early)) {
      return this.refuse(id, unauthenticated("the first frame is `hello`"), "UNAUTHENTICATED");
    }
    const handler = Object.hasOwn(handlers, frame.t) ? handlers[frame.t] : undefined;
    // Types that are not known are left alone, so that newer clients work with an older gateway.
    if (!handler) return;
    handler(this, frame, id).catch((error: unknown) => this.fail(id, error));
  }

  /** Once for each flood: nothing is lost by it, but the client should know what it waits for. */
  #tellOfFlood(): void {
    if (this.#floodTold || !this.principal) return;
    this.#floodTold = true;
    const { framesPerSecond } = this.server.limits;
    this.fail(
      undefined,
      resourceExhausted("framesPerSecond", `more than ${framesPerSecond} frames a second: the rest is read later`),
    );
  }
}
