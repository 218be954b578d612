import { EventEmitter } from "node:events";
import { WebSocket } from "ws";
import { shouldRetry } from "../ws/close-codes.ts";
import { Replica, ReplicaError, type MirrorFrame } from "./replica.ts";

const SUBPROTOCOL = "mirror.v1.json";
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 5_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Without any frame (bookmarks come at least every 15 s) or ping for this long the connection counts as dead. */
const SILENCE_MS_MAX = 75_000;

export interface MirrorClientOptions {
  /** `ws://host:port` or `wss://…` of the gateway. */
  url: string;
  mirror: string;
  /** Asked for at each connection. */
  token: () => string | Promise<string>;
  /** CA certificates (PEM) that the gateway's certificate is checked against. */
  ca?: Buffer | string;
  /** Connect again when the connection ends; default true. */
  reconnect?: boolean;
  signal?: AbortSignal;
}

/** google.rpc.Status in ProtoJSON. */
export interface FrameStatus {
  code: number;
  message: string;
  details: { "@type": string; reason?: string; [field: string]: unknown }[];
}

/** A request was answered with an `error` frame. */
export class FrameFailed extends Error {
  readonly status: FrameStatus;
  constructor(status: FrameStatus) {
    super(status.message);
    this.name = "FrameFailed";
    this.status = status;
  }
}

interface Events {
  /** Each frame of the mirror, after it was applied. */
  frame: [MirrorFrame];
  /** The state is whole. */
  synced: [];
  /** Any other frame of the gateway. */
  message: [Record<string, unknown>];
  /** The state did not fit and is fetched anew. */
  mismatch: [ReplicaError];
  /** A connection ended; `retryMs` undefined: for good. */
  closed: [{ code: number; reason: string; retryMs: number | undefined }];
  /** The mirror is not to be had; the client has stopped. */
  failed: [Error];
}

/** Follows one mirror: keeps its state, checks it, resumes it. */
export class MirrorClient extends EventEmitter<Events> {
  readonly replica = new Replica();
  readonly counts = {
    frames: 0,
    deltas: 0,
    snapshots: 0,
    resumed: 0,
    bookmarks: 0,
    mismatches: 0,
    connections: 0,
    bytes: 0,
  };
  readonly #options: MirrorClientOptions;
  readonly #requests = new Map<
    number,
    { resolve: (frame: Record<string, unknown>) => void; reject: (error: Error) => void }
  >();
  #ws: WebSocket | undefined;
  #nextId = 1;
  #stopped = false;
  #failures = 0;
  #reconnectAfterMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(options: MirrorClientOptions) {
    super();
    this.#options = options;
    options.signal?.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Begins; resolves when the state is whole for the first time, rejects when the mirror is not to be had. */
  start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (): void => {
      this.off("synced", onSynced);
      this.off("failed", onFailed);
      this.off("closed", onClosed);
    };
    const onSynced = (): void => (settle(), resolve());
    const onFailed = (error: Error): void => (settle(), reject(error));
    const onClosed = ({ code, reason, retryMs }: Events["closed"][0]): void => {
      if (retryMs !== undefined) return;
      settle();
      reject(new Error(`the connection ended: ${code} ${reason}`));
    };
    this.on("synced", onSynced);
    this.on("failed", onFailed);
    this.on("closed", onClosed);
    this.#connect();
    return promise;
  }

  /** Sends a frame and waits for its `reply`; throws FrameFailed on an `error`, Error without a connection. */
  async request(
    frame: { t: string; [field: string]: unknown },
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<Record<string, unknown>> {
    if (this.#ws?.readyState !== WebSocket.OPEN) throw new Error("not connected");
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
    const timer = setTimeout(() => reject(new Error(`no reply to ${frame.t} in ${timeoutMs} ms`)), timeoutMs);
    this.#requests.set(id, { resolve, reject });
    this.#ws.send(JSON.stringify({ ...frame, id }));
    return promise.finally(() => {
      clearTimeout(timer);
      this.#requests.delete(id);
    });
  }

  close(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#ws?.close(1000);
  }

  /** Ends the connection as if the network had; the client connects again. */
  drop(): void {
    this.#ws?.terminate();
  }

  #connect(): void {
    if (this.#stopped) return;
    const ws = new WebSocket(new URL("/v1/mirror", this.#options.url), SUBPROTOCOL, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ...(this.#options.ca === undefined ? {} : { ca: this.#options.ca }),
    });
    this.#ws = ws;
    let lastError: Error | undefined;
    ws.on("open", () => void this.#greet(ws).catch((error: Error) => this.#refused(ws, error)));
    ws.on("message", (data: Buffer) => this.#received(ws, data));
    ws.on("ping", () => this.#heard(ws));
    ws.on("error", (error) => (lastError = error));
    ws.on("close", (code, reason) => this.#closed(code, reason.toString() || (lastError?.message ?? "")));
  }

  async #greet(ws: WebSocket): Promise<void> {
    this.counts.connections++;
    this.#heard(ws);
    await this.request({ t: "hello", token: await this.#options.token() });
    await this.#subscribe(this.replica.position);
  }

  /** A refusal needs no handling here: the socket will be closed with the code for it, and the next connection asks for a token again. */
  async #refresh(): Promise<void> {
    const refreshed = async () => this.request({ t: "refresh", token: await this.#options.token() });
    await refreshed().catch((error: Error) => this.emit("message", { t: "refresh-failed", message: error.message }));
  }

  async #subscribe(position: { e: string; s: number } | undefined): Promise<void> {
    await this.request({ t: "subscribe", m: this.#options.mirror, ...position });
  }

  /** A refusal that time may heal is tried again, any other is the end. */
  #refused(ws: WebSocket, error: Error): void {
    const unavailable = 14;
    if (ws !== this.#ws || this.#stopped) return;
    if (!(error instanceof FrameFailed) || error.status.code === unavailable) return ws.terminate();
    this.close();
    this.emit("failed", error);
  }

  #received(ws: WebSocket, data: Buffer): void {
    if (ws !== this.#ws) return;
    this.#heard(ws);
    this.counts.bytes += data.length;
    this.counts.frames++;
    const frame = JSON.parse(data.toString("utf8")) as Record<string, unknown>;
    if ((frame["t"] === "reply" || frame["t"] === "error") && typeof frame["id"] === "number") {
      const waiting = this.#requests.get(frame["id"]);
      if (frame["t"] === "reply") waiting?.resolve(frame);
      else waiting?.reject(new FrameFailed(frame["error"] as FrameStatus));
      if (waiting) return;
    }
    if (frame["t"] === "reconnect" && typeof frame["after"] === "number") this.#reconnectAfterMs = frame["after"];
    if (frame["t"] === "expiring") void this.#refresh();
    if (frame["t"] === "error" && frame["id"] === undefined && frame["m"] === this.#options.mirror) this.#ended(ws);
    if (frame["m"] === this.#options.mirror && typeof frame["e"] === "string" && frame["t"] !== "error") {
      this.#apply(frame as unknown as MirrorFrame);
    } else this.emit("message", frame);
  }

  /** The subscription has ended. Whether the mirror is to be had all the same, a new one tells. */
  #ended(ws: WebSocket): void {
    this.replica.reset();
    this.#subscribe(undefined).catch((error: Error) => this.#refused(ws, error));
  }

  #apply(frame: MirrorFrame): void {
    try {
      this.replica.apply(frame);
    } catch (error) {
      if (!(error instanceof ReplicaError)) throw error;
      this.counts.mismatches++;
      this.replica.reset();
      this.emit("mismatch", error);
      // Another connection is the surest way to begin anew: what is under way on this one belongs to the old state.
      this.#ws?.terminate();
      return;
    }
    if (frame.t === "delta") this.counts.deltas++;
    else if (frame.t === "bookmark") this.counts.bookmarks++;
    else if (frame.t === "resumed") this.counts.resumed++;
    else if (frame.t === "snapshot" && frame.part === 0) this.counts.snapshots++;
    this.emit("frame", frame);
    if (frame.t === "synced") {
      this.#failures = 0;
      this.emit("synced");
    }
  }

  #heard(ws: WebSocket): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => ws.terminate(), SILENCE_MS_MAX);
  }

  #closed(code: number, reason: string): void {
    clearTimeout(this.#silence);
    this.replica.synced = false;
    for (const { reject } of this.#requests.values()) reject(new Error("the connection ended"));
    const again = !this.#stopped && (this.#options.reconnect ?? true) && shouldRetry(code);
    let retryMs: number | undefined;
    if (again) {
      const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#failures++);
      retryMs = this.#reconnectAfterMs ?? Math.round(backoffMs * (0.5 + Math.random() / 2));
      this.#reconnectAfterMs = undefined;
      this.#timer = setTimeout(() => this.#connect(), retryMs);
    } else this.#stopped = true;
    this.emit("closed", { code, reason, retryMs });
  }
}
