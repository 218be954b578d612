import type { Duration } from "../../../proto/gen/google/protobuf/duration.ts";
import type { Violations } from "../../common/names/violations.ts";
import { DRAIN_TIMEOUT_MS_MAX } from "./limits.ts";

/** Where none is asked for. */
export const DRAIN_TIMEOUT: Duration = { seconds: 60n, nanos: 0 };
const NANOS_MAX = 999_999_999;

export function checkDrainTimeout(found: Violations, { seconds, nanos }: Duration, field: string): void {
  const ms = Number(seconds) * 1_000 + nanos / 1e6;
  const good = nanos >= 0 && nanos <= NANOS_MAX && ms >= 0 && ms <= DRAIN_TIMEOUT_MS_MAX;
  found.check(good, field, "is not a duration from 0 s to 1 h");
}
