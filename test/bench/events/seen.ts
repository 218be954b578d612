/** A state of a container, seen by one of the two that look. */
export interface SeenState {
  name: string;
  /** As mirrors say it. */
  state: string;
  /** CLOCK_MONOTONIC, the same in all processes of the machine. */
  nanos: string;
}

/** The state of which an event of the engine tells. */
export const STATE_AFTER: Readonly<Record<string, string>> = { start: "running", die: "exited" };

export const MIRROR_STATES: ReadonlySet<string> = new Set(Object.values(STATE_AFTER));
