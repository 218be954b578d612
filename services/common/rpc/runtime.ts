import type { Logger } from "pino";
import type { VerifyToken } from "../auth/token.ts";
import type { RpcMetrics } from "../metrics/metrics.ts";
import type { Limiter } from "./limiter.ts";
import type { RpcLimits } from "./limits.ts";

/** What a server lends to each of its calls. */
export interface Runtime {
  readonly verify: VerifyToken;
  readonly log: Logger;
  readonly metrics: RpcMetrics;
  readonly limits: RpcLimits;
  readonly limiter: Limiter;
  /** Every connection has shown a certificate of the realm. */
  readonly mutualTls: boolean;
  readonly active: Set<ActiveCall>;
  /** Set once the drain has begun: new calls are refused. */
  draining: boolean;
}

export interface ActiveCall {
  readonly streaming: boolean;
  abort(reason: Error): void;
}

/** Added to the handlers that the wrappers return; a server binds them to its runtime. */
export const BIND: unique symbol = Symbol("bind");

export interface Bindable<H> {
  [BIND]: (runtime: Runtime, method: string) => H;
}
