/** Limits of one WebSocket and of all together. */
export interface SocketLimits {
  connectionsMax: number;
  /** Connections that have not said hello yet. */
  unauthenticatedMax: number;
  frameBytesMax: number;
  /** Of a frame that comes before `hello` is answered. */
  earlyFrameBytesMax: number;
  /** Levels of objects and lists in a frame. */
  frameDepthMax: number;
  subscriptionsMax: number;
  helloTimeoutMs: number;
  pingIntervalMs: number;
  /** Unsent bytes without progress for this long: closed. */
  stalledMs: number;
  /** Unsent replies above which the socket is closed. */
  unsentBytesMax: number;
  /** Unsent bytes above which nothing more is read from the client. */
  pauseReadingBytes: number;
  /**
   * Frames a second, and at once; above that reading pauses, so that one client does not hold up the others. None is dropped: one that is
   * missing from the middle of a stream would spoil it unseen.
   */
  framesPerSecond: number;
  framesBurst: number;
  /** Bytes of frames a second, and at once; above that reading pauses too. */
  bytesPerSecond: number;
  bytesBurst: number;
  /** How long before the token's end `expiring` is sent. */
  expiryWarningMs: number;
  /** Clocks of the token's maker and ours may differ by this much. */
  clockLeewayMs: number;
  /** How long a subscription waits for the first full lists after the gateway's start. */
  originsTimeoutMs: number;
  /** As above, for a mirror that goes on where a stopped gateway left off. */
  resumeTimeoutMs: number;
  /** How long a reply waits for the revision it speaks of to be in the caller's mirror. */
  appliedTimeoutMs: number;
  sweepIntervalMs: number;
}

export const SOCKET_LIMITS: SocketLimits = {
  connectionsMax: 10_000,
  unauthenticatedMax: 1_000,
  frameBytesMax: 1024 * 1024,
  earlyFrameBytesMax: 64 * 1024,
  frameDepthMax: 64,
  subscriptionsMax: 64,
  helloTimeoutMs: 5_000,
  pingIntervalMs: 30_000,
  stalledMs: 30_000,
  unsentBytesMax: 8 * 1024 * 1024,
  pauseReadingBytes: 1024 * 1024,
  framesPerSecond: 200,
  framesBurst: 400,
  bytesPerSecond: 4 * 1024 * 1024,
  bytesBurst: 4 * 1024 * 1024,
  expiryWarningMs: 60_000,
  clockLeewayMs: 30_000,
  originsTimeoutMs: 2_000,
  resumeTimeoutMs: 10_000,
  appliedTimeoutMs: 2_000,
  sweepIntervalMs: 1_000,
};
