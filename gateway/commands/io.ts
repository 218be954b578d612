import type { Logger } from "pino";
import type { Codec } from "../../services/common/codec/codec.ts";
import type { FrameId } from "../ws/error-frame.ts";
import type { CommandLimits } from "./limits.ts";
import type { Methods } from "./methods.ts";
import type { CommandRouter } from "./router.ts";

export interface CommandOptions {
  router: CommandRouter;
  codec: Codec;
  /** The user's token now; `refresh` may change it while calls are under way. */
  token: () => string;
  /** Sends a frame to the client; false when much is unsent: no more stream data is sent until `onDrain` calls back. */
  send(frame: object): boolean;
  /** Calls back once, when the unsent is less again. */
  onDrain(callback: () => void): void;
  log: Logger;
  limits?: Partial<CommandLimits>;
  /** Fields to add to the reply of a call, for example where its effect is visible. */
  decorateReply?(method: string, body: unknown): Promise<object | undefined>;
  /** Address of the client, for the services' audit. */
  peer?: string;
}

/** What a call or stream needs of its session. */
export interface CommandContext {
  readonly options: CommandOptions;
  readonly limits: CommandLimits;
  readonly methods: Methods;
  /** True once the socket is gone: nothing may be sent any more. */
  readonly destroyed: boolean;
  /** Sends an error frame; an error that is not ours is logged and replaced. */
  fail(id: FrameId | undefined, error: unknown): void;
  /** Calls `resume` of the stream when the socket has room again. */
  awaitDrain(stream: Drainable): void;
}

export interface Drainable {
  resume(): void;
}

/** Something under way that has an id. */
export interface Running {
  /** Ends it as soon as possible; no frame follows. */
  destroy(): void;
}
