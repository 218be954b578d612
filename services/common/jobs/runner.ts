import { cancelled } from "../errors/errors.ts";
import { Interrupted } from "./interrupted.ts";
import type { Submitted } from "./api.ts";
import { operationKind } from "./kind.ts";
import { operationName } from "./metadata.ts";
import { persistently } from "./persistently.ts";
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

  constructor(env: RunEnvironment, queue: string) {
    this.#env = env;
    this.#queue = queue;
  }

  /**
   * Rejects with Interrupted when the run was cut short. A second call for a running operation joins it. `written`: where this process has
   * just written it.
   */
  run(name: string, written?: Submitted): Promise<Outcome> {
    const running = this.#running.get(name);
    if (running) return running.promise;
    const cancel = new AbortController();
    const promise = this.#run(name, cancel, written).finally(() => this.#running.delete(name));
    this.#running.set(name, { promise, cancel });
    return promise;
  }

  /**
   * Begins an operation before its job is delivered, where that makes no more at once than the queue may have: the delivery joins it. Who is
   * not taken here, or is interrupted, is run when its job comes.
   */
  begin(submitted: Submitted, active: number): boolean {
    // A job that is under way and not yet known here has its place already.
    if (Math.max(active, this.#running.size) >= this.#env.limits.concurrency) return false;
    const name = operationName(submitted.record);
    this.run(name, submitted).catch((error: unknown) => {
      if (!(error instanceof Interrupted)) this.#env.log.warn({ err: error, operation: name }, "the run failed");
    });
    return true;
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

  async #run(name: string, cancel: AbortController, written: Submitted | undefined): Promise<Outcome> {
    const { store, interrupt } = this.#env;
    const record = written?.record ?? (await persistently(() => store.get(operationKind, name), interrupt));
    if (record === undefined || record.operation?.done || record.queue !== this.#queue) return "ended";
    if (record.after && !(await this.#hasEnded(record.after))) return "later";
    if (record.cancelRequested) cancel.abort(cancelled("the operation was cancelled"));
    // What came before it may have changed the target.
    const target = record.after ? undefined : written?.target;
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
