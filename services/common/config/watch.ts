import { WATCH_LIMITS, type WatchLimits } from "../watch/limits.ts";
import type { ConfigReader } from "./config.ts";

/** For serveWatch. */
export function readWatchLimits(c: ConfigReader): WatchLimits {
  const bounds = { min: 1, max: 1_000_000 };
  const { watchersMax, watchersPerUserMax } = WATCH_LIMITS;
  return {
    watchersMax: c.integer("GANTRY_WATCHERS_MAX", watchersMax, "Watch streams at a time", bounds),
    watchersPerUserMax: c.integer("GANTRY_WATCHERS_PER_USER_MAX", watchersPerUserMax, "Of them of one user", bounds),
  };
}
