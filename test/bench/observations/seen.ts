/** A change of a pod, seen by one of the two that look. */
export interface SeenChange {
  /** `<pod> <value>`. */
  key: string;
  /** CLOCK_MONOTONIC, the same in all processes of the machine. */
  nanos: string;
}

/** Label that tells one change from the next. */
export const LABEL = "bench.gantry.dev/change";
