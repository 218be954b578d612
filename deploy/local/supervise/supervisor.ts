import { setTimeout as delay } from "node:timers/promises";
import { describeExit, Program, type ProgramSpec } from "../process/program.ts";

/** EX_CONFIG: its settings are wrong, and starting it again will not change them. */
const EXIT_CONFIG = 78;
const RESTART_DELAY_FIRST_MS = 500;
const RESTART_DELAY_MAX_MS = 30_000;
/** What ran this long has recovered, and the next restart is soon again. */
const STEADY_MS = 60_000;

export interface SupervisorEvents {
  ready(name: string, tookMs: number): void;
  /** It ended or did not start, and is started again after the delay. */
  restarting(name: string, reason: string, delayMs: number): void;
  /** It cannot be kept running. */
  failed(name: string, reason: string): void;
}

/** Keeps programs running, from `start` to `stop`. They are stopped in the reverse of the order in which they were started. */
export class Supervisor {
  readonly #events: SupervisorEvents;
  readonly #kept: { name: string; stop: () => Promise<void> }[] = [];
  readonly #logPaths: string[] = [];
  readonly #stopping = new AbortController();

  constructor(events: SupervisorEvents) {
    this.#events = events;
  }

  /** Logs of the programs that were started. */
  get logPaths(): readonly string[] {
    return this.#logPaths;
  }

  /** Starts a program and keeps it running from then on. Rejects when its first start fails. */
  async start(spec: ProgramSpec): Promise<void> {
    const signal = this.#stopping.signal;
    const started = performance.now();
    this.#logPaths.push(spec.logPath);
    let program = await Program.start(spec, signal);
    this.#events.ready(spec.name, performance.now() - started);
    const keeping = this.#keep(spec, program, (next) => (program = next));
    this.#kept.push({
      name: spec.name,
      stop: async () => {
        await program.stop();
        await keeping;
      },
    });
  }

  /** Stops everything, the last started first. */
  async stop(onStop: (name: string) => void): Promise<void> {
    this.#stopping.abort(new Error("stopping"));
    for (const { name, stop } of this.#kept.toReversed()) {
      onStop(name);
      await stop();
    }
  }

  async #keep(spec: ProgramSpec, first: Program, replace: (program: Program) => void): Promise<void> {
    const signal = this.#stopping.signal;
    let program = first;
    let startedMs = performance.now();
    let delayMs = RESTART_DELAY_FIRST_MS;
    for (;;) {
      const exit = await program.ended;
      if (signal.aborted) return;
      if (exit.code === EXIT_CONFIG)
        return this.#events.failed(spec.name, `ended: its settings are wrong; see ${spec.logPath}`);
      if (performance.now() - startedMs > STEADY_MS) delayMs = RESTART_DELAY_FIRST_MS;
      this.#events.restarting(spec.name, `ended (${describeExit(exit)})`, delayMs);
      const next = await this.#startAgain(spec, delayMs);
      if (!next) return;
      ({ program, delayMs } = next);
      startedMs = performance.now();
      replace(program);
    }
  }

  /** Tries until it starts; undefined when everything is to stop. */
  async #startAgain(
    spec: ProgramSpec,
    firstDelayMs: number,
  ): Promise<{ program: Program; delayMs: number } | undefined> {
    const signal = this.#stopping.signal;
    let delayMs = firstDelayMs;
    while (!signal.aborted) {
      try {
        await delay(delayMs, undefined, { signal });
        delayMs = Math.min(delayMs * 2, RESTART_DELAY_MAX_MS);
        const started = performance.now();
        const program = await Program.start(spec, signal);
        this.#events.ready(spec.name, performance.now() - started);
        return { program, delayMs };
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#events.restarting(spec.name, `did not start: ${(error as Error).message}`, delayMs);
      }
    }
    return undefined;
  }
}
