import type { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { cancelled } from "../errors/errors.ts";
import type { Resource } from "../store/api.ts";
import { Interrupted } from "./interrupted.ts";
import { operationKind } from "./kind.ts";
import { operationName } from "./metadata.ts";
import { persistently } from "./persistently.ts";
import type { Place, Submitted } from "./place.ts";
import { type Outcome, Run, type RunEnvironment } from "./run.ts";

interface Running {
  promise: Promise<Outcome>;
  cancel: AbortController;
}

/** Runs operations of one queue; each at most once at a time, however often it is delivered. */
export class Runner {
  readonly #env: RunEnvironment;
  readonly #queue: string;
  readonly #running = new Map<string, Running>();
  /** Places held by operations that are being written. */
  #reserved = 0;

  constructor(env: RunEnvironment, queue: string) {
    this.#env = env;
    this.#queue = queue;
  }

  /** Rejects with Interrupted when the run was cut short. A second call for a running operation joins it. */
  run(name: string): Promise<Outcome> {
    const running = this.#running.get(name);
    if (running) return running.promise;
    const cancel = new AbortController();
    return this.#keep(name, cancel, this.#run(name, cancel));
  }

  /** Undefined where as many operations run as may. */
  reserve(): Place | undefined {
    const { fence, limits, draining } = this.#env;
    if (this.#running.size + this.#reserved >= limits.concurrency) return undefined;
    this.#reserved += 1;
    let held = true;
    const release = (): void => {
      if (held) this.#reserved -= 1;
      held = false;
    };
    const cancel = new AbortController();
    let planned: Run | undefined;
    return {
      fence,
      concurrency: limits.concurrency,
      plan: async (submitted, now) => {
        const run = new Run(this.#env, submitted, cancel.signal);
        if (await run.plan(now)) planned = run;
      },
      begin: (submitted) => {
        release();
        if (!draining()) this.#begin(submitted, cancel, planned);
      },
      release,
    };
  }

  /** Before the job of the operation is delivered: the delivery joins this run, and runs what was interrupted. */
  #begin(submitted: Submitted, cancel: AbortController, planned: Run | undefined): void {
    const name = operationName(submitted.record);
    const run = planned ? planned.execute() : this.#runRecord(submitted.record, submitted.target, cancel);
    this.#keep(name, cancel, run).catch((error: unknown) => {
      if (!(error instanceof Interrupted)) this.#env.log.warn({ err: error, operation: name }, "the run failed");
    });
  }

  #keep(name: string, cancel: AbortController, run: Promise<Outcome>): Promise<Outcome> {
    const promise = run.finally(() => this.#running.delete(name));
    this.#running.set(name, { promise, cancel });
    return promise;
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** Cancellation of the operation was asked for. Nothing happens if it doesn't run here, or is being undone. */
  cancel(name: string): void {
    this.#running.get(name)?.cancel.abort(cancelled("the operation was cancelled"));
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.allSettled([...this.#running.values()].map((running) => running.promise));
    }
  }

  async #run(name: string, cancel: AbortController): Promise<Outcome> {
    const { store, interrupt } = this.#env;
    const record = await persistently(() => store.get(operationKind, name), interrupt);
    if (record === undefined || record.operation?.done || record.queue !== this.#queue) return "ended";
    return this.#runRecord(record, undefined, cancel);
  }

  /** `written`: the target, where this process has just written it. */
  async #runRecord(record: OperationRecord, written: Resource | undefined, cancel: AbortController): Promise<Outcome> {
    if (record.after && !(await this.#hasEnded(record.after))) return "later";
    if (record.cancelRequested) cancel.abort(cancelled("the operation was cancelled"));
    // What came before it may have changed the target.
    const target = record.after ? undefined : written;
    return new Run(this.#env, { record, target }, cancel.signal).execute();
  }

  /**
   * The operation that a delete took over from has to end first, its undo included: only its own job knows what it made beside the
   * target. It is run here, not waited for, so that deletes that fill every slot of the worker can't wait for jobs behind them.
   */
  async #hasEnded(name: string): Promise<boolean> {
    const { store, interrupt } = this.#env;
    const read = () => persistently(() => store.get(operationKind, name), interrupt);
    let record = await read();
    if (record && !record.operation?.done && record.queue === this.#queue) {
      await this.run(name);
      record = await read();
    }
    return record === undefined || record.operation?.done === true;
  }
}
