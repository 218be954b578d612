import type { Engine } from "../../../common/engine/engine.ts";
import type { LimitsView } from "../limits-view.ts";

/** What a probe may use. */
export interface ProbeContext {
  readonly engine: Engine;
  readonly limitsView: LimitsView;
  /** Aborts at the probe's time limit and when the process stops. */
  readonly signal: AbortSignal;
  /** Empty folder of this round of probes, removed afterwards. */
  readonly scratchDir: string;
  /** Reference of an image whose only program ends with 0 at once; made on the engine at the first call. */
  image(): Promise<string>;
}

/** Finds out by trying whether the host can do something, and leaves nothing behind. */
export interface Probe {
  /** Name of the capability, kebab-case. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Says what was tried and came of it; rejects when the host cannot do it. */
  try(ctx: ProbeContext): Promise<string>;
}
