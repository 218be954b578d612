export interface RpcLimits {
  /** For a unary call that came without a deadline. */
  defaultDeadlineMs: number;
  /** Calls that one principal may have under way at once. */
  callsPerPrincipal: number;
  /** Of one message, either way. */
  messageBytesMax: number;
  /** Until the first message of a stream from the client. */
  firstMessageTimeoutMs: number;
}

export const DEFAULT_LIMITS: RpcLimits = {
  defaultDeadlineMs: 60_000,
  callsPerPrincipal: 1_000,
  messageBytesMax: 4 * 1024 * 1024,
  firstMessageTimeoutMs: 30_000,
};
