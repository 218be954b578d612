import type { Logger } from "pino";
import type { ClientFrame } from "./parse-frame.ts";

/** What a socket offers to the commands that run on it. */
export interface CommandIo {
  /** The user's token at the moment: `refresh` changes it. */
  token: () => string;
  /** False when much is unsent: wait for `onDrain` before sending more of a stream. */
  send(frame: object): boolean;
  onDrain(callback: () => void): void;
  log: Logger;
  /** Address of the client, for the services' audit. */
  peer: string;
  /** Adds `{m, e, s}` to the answer about an operation that is done, once the caller's mirror shows it. */
  decorateReply(method: string, body: unknown): Promise<object | undefined>;
}

/** The calls and streams of one socket: frames `call`, `open`, `data`, `close`. */
export interface CommandSession {
  handle(frame: ClientFrame): void;
  destroy(): void;
}

export type CreateCommands = (io: CommandIo) => CommandSession;
