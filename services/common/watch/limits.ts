/** Limits of a service's Watch. */
export interface WatchLimits {
  watchersMax: number;
  /** One user must not keep the gateway and all others out. */
  watchersPerUserMax: number;
}

export const WATCH_LIMITS: Readonly<WatchLimits> = { watchersMax: 1_000, watchersPerUserMax: 100 };
