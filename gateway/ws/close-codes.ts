export interface CloseCode {
  code: number;
  name: string;
  /** `retry`: connect again (after a pause that grows) and resume. `final`: the same again would end the same way. */
  action: "retry" | "final";
  meaning: string;
}

/** Every code the gateway closes a WebSocket with, those of the protocol itself included. Clients take an unknown one as `retry`. */
export const CLOSE_CODES = {
  NORMAL: { code: 1000, name: "NORMAL", action: "final", meaning: "the client closed" },
  PROTOCOL: { code: 1002, name: "PROTOCOL", action: "final", meaning: "not WebSocket as in RFC 6455" },
  UNSUPPORTED: { code: 1003, name: "UNSUPPORTED", action: "final", meaning: "binary frame: this subprotocol is text" },
  INVALID_UTF8: { code: 1007, name: "INVALID_UTF8", action: "final", meaning: "text that is not UTF-8" },
  TOO_BIG: { code: 1009, name: "TOO_BIG", action: "final", meaning: "frame above the size limit" },
  GOING_AWAY: {
    code: 4000,
    name: "GOING_AWAY",
    action: "retry",
    meaning: "planned stop: connect again after the pause that `reconnect` named, and resume",
  },
  SLOW: {
    code: 4001,
    name: "SLOW",
    action: "retry",
    meaning: "what was sent was not taken in time: connect again and resume",
  },
  PING_TIMEOUT: {
    code: 4002,
    name: "PING_TIMEOUT",
    action: "retry",
    meaning: "no sign of life: connect again and resume",
  },
  INTERNAL: { code: 4004, name: "INTERNAL", action: "retry", meaning: "a failure of the gateway" },
  TOKEN_EXPIRED: {
    code: 4010,
    name: "TOKEN_EXPIRED",
    action: "retry",
    meaning: "the token ended without a `refresh`: connect again with a new one, and resume",
  },
  UNAUTHENTICATED: {
    code: 4011,
    name: "UNAUTHENTICATED",
    action: "final",
    meaning: "token or ticket is not valid, or no `hello` came first",
  },
  HELLO_TIMEOUT: { code: 4012, name: "HELLO_TIMEOUT", action: "retry", meaning: "no `hello` in time" },
  BAD_FRAME: {
    code: 4013,
    name: "BAD_FRAME",
    action: "final",
    meaning: "not JSON, not an object, a key twice, or nested too deep",
  },
} as const satisfies Record<string, CloseCode>;

export type CloseName = keyof typeof CLOSE_CODES;

/** Whether to connect again after this code; 1006 (no close frame) and unknown ones count as retry. */
export function shouldRetry(code: number): boolean {
  const known = Object.values(CLOSE_CODES).find((each) => each.code === code);
  return known?.action !== "final";
}
