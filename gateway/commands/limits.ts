/** Limits of the commands of one WebSocket. */
export interface CommandLimits {
  /** Unary calls under way. */
  callsMax: number;
  /** Streams that are open. */
  streamsMax: number;
  /** For a call that names no deadline. */
  defaultDeadlineMs: number;
  /** The longest deadline a call or stream may ask for. */
  maxDeadlineMs: number;
  /** What a client may have sent into one stream that the service has not taken yet, in bytes of encoded messages. */
  windowBytes: number;
}

export const COMMAND_LIMITS: Readonly<CommandLimits> = {
  callsMax: 128,
  streamsMax: 64,
  defaultDeadlineMs: 30_000,
  maxDeadlineMs: 10 * 60_000,
  windowBytes: 1024 * 1024,
};
