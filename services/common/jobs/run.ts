import type { Logger } from "pino";
import type { OperationMetadata, OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { cancelled, failedPrecondition, type GantryError } from "../errors/errors.ts";
import type { Fence, Kind, Resource, Store } from "../store/api.ts";
import { allSettled } from "./all-settled.ts";
import type { Job, JobContext, Step } from "./api.ts";
import { attempt } from "./attempt.ts";
import { endOperation, type Hooks } from "./ending.ts";
import { decodeFailure, encodeFailure, isCancellation, stepFailure, withUndoProblem } from "./failure.ts";
import { Interrupted } from "./interrupted.ts";
import { Journal } from "./journal.ts";
import { operationKind } from "./kind.ts";
import type { JobLimits } from "./limits.ts";
import { operationOf, OperationState, readMetadata, writeMetadata } from "./metadata.ts";
import type { JobMetrics } from "./metrics.ts";
import { persistently } from "./persistently.ts";
import { stepContext } from "./step-context.ts";
import { isTransient } from "./transient.ts";

/** `later`: it can't go on yet and is to be taken up again in a moment. */
export type Outcome = "ended" | "later";

export interface RunEnvironment {
  store: Store;
  /** Id of this host. */
  host: string;
  jobs: ReadonlyMap<string, Job>;
  kinds: ReadonlyMap<string, Kind<Resource>>;
  fence: Fence;
  /** Whether the lease is held at this very moment. */
  held: () => boolean;
  /** The lease is lost, or the process has no more time. */
  interrupt: AbortSignal;
  /** The process stops: no further step begins. */
  draining: () => boolean;
  log: Logger;
  metrics: JobMetrics | undefined;
  limits: JobLimits;
}

const CONTEXT_TIMEOUT_MS = 30_000;
const CONTEXT_ATTEMPTS = 3;

/** One run of one operation, from where it stands to its end. Not used twice. */
export class Run {
  readonly #env: RunEnvironment;
  readonly #cancel: AbortSignal;
  /** As this process has just written it. */
  readonly #target: Resource | undefined;
  readonly #journal: Journal;
  readonly #log: Logger;
  readonly #resumed: boolean;
  /** Made while the operation was written. */
  #ctx: JobContext | undefined;
  /** The step that the operation's write says is under way. */
  #planned: string | undefined;
  /** Last step begun in this run: its effects may be there though it isn't among the finished. */
  #begun: string | undefined;

  constructor(
    env: RunEnvironment,
    { record, target }: { record: OperationRecord; target: Resource | undefined },
    cancel: AbortSignal,
  ) {
    this.#env = env;
    this.#target = target;
    this.#cancel = cancel;
    this.#journal = new Journal({
      store: env.store,
      record,
      fence: env.fence,
      interrupt: env.interrupt,
      progressIntervalMs: env.limits.progressIntervalMs,
    });
    const metadata = readMetadata(record);
    this.#resumed = metadata.startTime !== undefined;
    this.#log = env.log.child({ operation: operationOf(record).name, job: record.job, target: metadata.target });
  }

  /** Of an operation that is being written: its record says that its first step is under way, where the job tells it at once. */
  async plan(now: Date): Promise<boolean> {
    const { record } = this.#journal;
    const job = this.#env.jobs.get(record.job);
    if (job?.plansAtOnce !== true || record.after !== "") return false;
    const ctx = await job.context(this.#baseContext());
    const first = job.steps.find((step) => step.needed?.(ctx) ?? true);
    if (first === undefined) return false;
    first.prepare?.(ctx);
    const metadata = readMetadata(record);
    describe(metadata, job, first, now);
    writeMetadata(record, metadata);
    this.#ctx = ctx;
    this.#planned = first.name;
    return true;
  }

  async execute(): Promise<Outcome> {
    try {
      const job = this.#env.jobs.get(this.#journal.record.job);
      if (job !== undefined) return await this.#executeJob(job);
      const name = this.#journal.record.job;
      await this.#end(undefined, failedPrecondition("UNKNOWN_JOB", `this service has no job ${name}`, { job: name }));
      return "ended";
    } finally {
      await this.#journal.close();
    }
  }

  async #executeJob(job: Job): Promise<Outcome> {
    let ctx: JobContext;
    try {
      ctx = this.#ctx ?? (await this.#context(job));
    } catch (error) {
      return await this.#withoutContext(error);
    }
    if (!this.#journal.record.undoing) {
      try {
        await this.#doSteps(job, ctx);
        await this.#end({ job, ctx });
        return "ended";
      } catch (error) {
        if (error instanceof Interrupted) throw error;
        await this.#beginUndo(stepFailure(error, this.#begun ?? "", this.#log));
      }
    }
    await this.#undoSteps(job, ctx);
    await this.#end({ job, ctx }, decodeFailure(this.#journal.record.failure));
    return "ended";
  }

  #baseContext(): JobContext {
    const { store, fence, interrupt } = this.#env;
    return {
      operation: this.#journal.record,
      target: this.#target,
      store,
      log: this.#log,
      signal: interrupt,
      fence,
      progress: (percent, message) => this.#journal.progress(percent, message),
    };
  }

  async #context(job: Job): Promise<JobContext> {
    const base = this.#baseContext();
    let ctx = base;
    const make = async (signal: AbortSignal): Promise<void> => {
      ctx = await job.context(stepContext(base, signal, () => this.#journal.record));
    };
    await attempt(make, {
      ...this.#attemptOptions(`context of ${job.name}`),
      timeoutMs: CONTEXT_TIMEOUT_MS,
      attempts: CONTEXT_ATTEMPTS,
      retryable: isTransient,
    });
    return ctx;
  }

  /** Without its context neither steps nor hooks can run: wait for what is missing, or end the operation bare. */
  async #withoutContext(error: unknown): Promise<Outcome> {
    if (error instanceof Interrupted) throw error;
    const { createTime } = readMetadata(this.#journal.record);
    const ageMs = this.#env.store.now().getTime() - (createTime?.getTime() ?? 0);
    if (isTransient(error) && ageMs < this.#env.limits.contextRetryMs) {
      this.#log.warn({ err: error }, "the job can't begin yet");
      return "later";
    }
    await this.#end(undefined, stepFailure(error, "", this.#log));
    return "ended";
  }

  async #doSteps(job: Job, ctx: JobContext): Promise<void> {
    const finished = new Set(this.#journal.record.finishedSteps);
    const steps = job.steps.filter((step) => !finished.has(step.name));
    // A step that was under way at a crash may be half done even if nothing of it begins in this run.
    const { step: underWay } = readMetadata(this.#journal.record);
    if (this.#resumed) this.#begun = underWay !== "" && !finished.has(underWay) ? underWay : steps[0]?.name;
    let before: Step<JobContext> | undefined;
    for (const step of steps) {
      const planned = before === undefined && step.name === this.#planned;
      if (!planned && step.needed && !step.needed(ctx)) continue;
      if (!planned) step.prepare?.(ctx);
      const beginning = planned ? this.#beginPlanned() : this.#begin(job, step, before);
      if (before && step.beginsBeside && this.#env.held() && !this.#env.draining()) {
        this.#begun = step.name;
        await allSettled([beginning, this.#do(job, step, ctx)]);
      } else {
        await beginning;
        this.#begun = step.name;
        await this.#do(job, step, ctx);
      }
      before = step;
    }
  }

  #do(job: Job, step: Step<JobContext>, ctx: JobContext): Promise<void> {
    return this.#timed(job, step, "do", () =>
      attempt((signal) => step.do(this.#stepContext(ctx, signal)), {
        ...this.#attemptOptions(`step ${step.name}`),
        timeoutMs: step.timeoutMs,
        attempts: step.attempts ?? 1,
        backoffMs: step.backoffMs,
        retryable: isTransient,
        cancel: this.#cancel,
      }),
    );
  }

  /** One write says that the step before is finished and that this one is under way. */
  async #begin(job: Job, step: Step<JobContext>, before: Step<JobContext> | undefined): Promise<void> {
    const first = before === undefined;
    const write = this.#journal.commit(async (record, metadata, tx) => {
      if (before) record.finishedSteps.push(before.name);
      if (record.cancelRequested) return;
      describe(metadata, job, step, tx.now);
      if (first && this.#resumed) metadata.resumes += 1;
    });
    await (first ? Promise.all([write, this.#persist()]) : write);
    if (first && this.#resumed) this.#env.metrics?.resumed.inc({ job: job.name });
    if (this.#journal.record.cancelRequested) throw cancelled("the operation was cancelled");
    if (this.#env.draining()) throw new Interrupted("the process stops");
  }

  async #beginPlanned(): Promise<void> {
    await this.#persist();
    if (this.#env.draining()) throw new Interrupted("the process stops");
  }

  /** What Redis may lose is on this host's disk before the first effect: the operation, and its target where that is of this host. */
  async #persist(): Promise<void> {
    const { store, kinds, interrupt, host } = this.#env;
    const { record } = this.#journal;
    const kind = kinds.get(record.targetKind);
    if (kind === undefined) throw new Error(`no kind ${record.targetKind} among the kinds the worker was given`);
    const { target } = readMetadata(record);
    const persistTarget = async (): Promise<void> => {
      const resource = this.#target ?? (await store.get(kind, target));
      if (resource && (kind.hostless || resource.meta?.host === host)) await store.persist(kind, resource);
    };
    await Promise.all([
      persistently(() => store.persist(operationKind, record), interrupt),
      persistently(persistTarget, interrupt),
    ]);
  }

  async #beginUndo(error: GantryError): Promise<void> {
    const begun = this.#begun;
    this.#log.warn({ err: error }, isCancellation(error) ? "cancelled" : "failed");
    await this.#journal.write((record, metadata) => {
      record.undoing = true;
      record.failure = encodeFailure(error);
      if (begun && !record.finishedSteps.includes(begun)) record.finishedSteps.push(begun);
      metadata.state = OperationState.OPERATION_STATE_UNDOING;
    });
  }

  async #undoSteps(job: Job, ctx: JobContext): Promise<void> {
    const { record } = this.#journal;
    // Retain keeps the remains of a failure for inspection; who cancels wants them gone.
    if (record.retain && !record.cancelRequested) return;
    const left = [...record.finishedSteps];
    let resumed = this.#resumed && this.#begun === undefined;
    let error = decodeFailure(record.failure);
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const step = job.steps.find((each) => each.name === name);
      if (step?.undo === undefined) continue;
      await this.#journal.write((record, metadata) => {
        record.finishedSteps = [...left, step.name];
        record.failure = encodeFailure(error);
        if (resumed) metadata.resumes += 1;
        Object.assign(metadata, { state: OperationState.OPERATION_STATE_UNDOING, percent: -1 });
        Object.assign(metadata, {
          step: step.name,
          stepIndex: job.steps.indexOf(step) + 1,
          message: `undoing ${step.name}`,
        });
      });
      if (resumed) this.#env.metrics?.resumed.inc({ job: job.name });
      resumed = false;
      if (this.#env.draining()) throw new Interrupted("the process stops");
      try {
        await this.#undoStep(job, step, ctx);
      } catch (problem) {
        if (problem instanceof Interrupted) throw problem;
        // The rest is still undone: one thing left behind is better than all.
        error = withUndoProblem(error, step.name, stepFailure(problem, step.name, this.#log));
      }
    }
    await this.#journal.write((record) => {
      record.finishedSteps = [];
      record.failure = encodeFailure(error);
    });
  }

  #undoStep(job: Job, step: Step<JobContext>, ctx: JobContext): Promise<void> {
    return this.#timed(job, step, "undo", () =>
      attempt((signal) => step.undo!(this.#stepContext(ctx, signal)), {
        ...this.#attemptOptions(`undo of ${step.name}`),
        timeoutMs: step.timeoutMs,
        attempts: Math.max(step.attempts ?? 1, this.#env.limits.undoAttempts),
        backoffMs: step.backoffMs,
        retryable: () => true,
      }),
    );
  }

  #end(hooks: Hooks | undefined, error?: GantryError): Promise<void> {
    return endOperation(this.#env, this.#journal, this.#log, hooks, error);
  }

  #stepContext(ctx: JobContext, signal: AbortSignal): JobContext {
    return stepContext(ctx, signal, () => this.#journal.record);
  }

  #attemptOptions(what: string): { what: string; interrupt: AbortSignal; settleMs: number; log: Logger } {
    return { what, interrupt: this.#env.interrupt, settleMs: this.#env.limits.settleMs, log: this.#log };
  }

  async #timed(job: Job, step: Step<JobContext>, direction: "do" | "undo", work: () => Promise<void>): Promise<void> {
    const begun = performance.now();
    let result = "failed";
    try {
      await work();
      result = "done";
    } finally {
      const seconds = (performance.now() - begun) / 1000;
      this.#env.metrics?.stepSeconds.observe({ job: job.name, step: step.name, direction, result }, seconds);
    }
  }
}

/** The step is under way. */
function describe(metadata: OperationMetadata, job: Job, step: Step<JobContext>, now: Date): void {
  Object.assign(metadata, { state: OperationState.OPERATION_STATE_RUNNING, percent: -1, message: "" });
  Object.assign(metadata, { step: step.name, stepIndex: job.steps.indexOf(step) + 1, stepCount: job.steps.length });
  metadata.startTime ??= now;
}
