import type { Duration } from "../../../proto/gen/google/protobuf/duration.ts";
import { STOP_TIMEOUT_DEFAULT_MS } from "./limits.ts";

export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** Whole seconds between stop and kill signal, as engines take them; a part of a second counts as one. */
export function stopTimeoutSeconds(...choices: (Duration | undefined)[]): number {
  const chosen = choices.find((choice) => choice !== undefined);
  return Math.ceil((chosen ? durationMs(chosen) : STOP_TIMEOUT_DEFAULT_MS) / 1000);
}
