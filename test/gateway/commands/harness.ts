import { Client, Server, ServerCredentials, type UntypedServiceImplementation, credentials } from "@grpc/grpc-js";
import { pino } from "pino";
import { ComputeServiceService } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { OperationsService } from "../../../proto/gen/google/longrunning/operations.ts";
import type { CommandOptions } from "../../../gateway/commands/io.ts";
import { type CommandRouter, createRouter } from "../../../gateway/commands/router.ts";
import { createCommandSession } from "../../../gateway/commands/session.ts";
import { connectClient } from "../../../services/common/rpc/client.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import type { CommandSession } from "../../../gateway/ws/commands.ts";

export const COMPUTE = "gantry.compute.v1.ComputeService";
const WAIT_TIMEOUT_MS = 10_000;

export interface Frame {
  t: string;
  id?: string | number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into frames of every shape
  [field: string]: any;
}

/** What a client of a session sees, and the ways to make it slow. */
export class Received {
  readonly frames: Frame[] = [];
  /** While true the session is told that the socket is full. */
  full = false;
  #drained: (() => void)[] = [];
  #arrived: (() => void)[] = [];

  send = (frame: object): boolean => {
    // Through text, as on the wire.
    this.frames.push(JSON.parse(JSON.stringify(frame)) as Frame);
    for (const wake of this.#arrived.splice(0)) wake();
    return !this.full;
  };

  onDrain = (callback: () => void): void => {
    this.#drained.push(callback);
  };

  drain(): void {
    this.full = false;
    for (const callback of this.#drained.splice(0)) callback();
  }

  of(id: string | number, t?: string): Frame[] {
    return this.frames.filter((frame) => frame.id === id && (t === undefined || frame.t === t));
  }

  /** The first frame that fits, as soon as it is there. */
  async next(fits: (frame: Frame) => boolean, what = "a frame"): Promise<Frame> {
    const end = Date.now() + WAIT_TIMEOUT_MS;
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      const leftMs = end - Date.now();
      if (leftMs <= 0) throw new Error(`${what} did not come; there are ${JSON.stringify(this.frames).slice(0, 2000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#arrived.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Answer to a call, or the end of a stream. */
  answer(id: string | number): Promise<Frame> {
    return this.next((frame) => frame.id === id && ["reply", "error", "close"].includes(frame.t), `an answer to ${id}`);
  }
}

export interface Harness {
  session: CommandSession;
  received: Received;
  /** A new session over the same connection. */
  connect(options?: Partial<CommandOptions>): { session: CommandSession; received: Received };
  stop(): void;
}

export interface Handlers {
  compute?: UntypedServiceImplementation;
  operations?: UntypedServiceImplementation;
}

/** A gRPC server with these handlers (all others: UNIMPLEMENTED), and a router that reaches it as `compute`. */
export async function serve(handlers: Handlers): Promise<{ router: CommandRouter; stop(): void }> {
  const server = new Server();
  server.addService(ComputeServiceService, handlers.compute ?? {});
  server.addService(OperationsService, handlers.operations ?? {});
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = connectClient(Client, `127.0.0.1:${port}`, credentials.createInsecure());
  return {
    router: createRouter(new Map([["compute", client]])),
    stop: () => {
      client.close();
      server.forceShutdown();
    },
  };
}

/** A session that reaches a server with these handlers. */
export async function start(handlers: Handlers, options: Partial<CommandOptions> = {}): Promise<Harness> {
  const { router, stop } = await serve(handlers);
  const sessions: CommandSession[] = [];

  function connect(more: Partial<CommandOptions> = {}): { session: CommandSession; received: Received } {
    const received = new Received();
    const session = createCommandSession({
      router,
      codec,
      token: () => "token-1",
      send: received.send,
      onDrain: received.onDrain,
      log: pino({ level: "silent" }),
      ...options,
      ...more,
    });
    sessions.push(session);
    return { session, received };
  }

  return {
    ...connect(),
    connect,
    stop: () => {
      for (const session of sessions) session.destroy();
      stop();
    },
  };
}
