import type { Logger } from "pino";
import type { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { Any } from "../../../proto/gen/google/protobuf/any.ts";
import type { GantryError } from "../errors/errors.ts";
import type { Fence, Kind, KnownRecord, Resource, Store, Transaction } from "../store/api.ts";

/** What a step may use. `C` of a job extends it with the job's own things (record, engine...). */
export interface JobContext {
  readonly operation: OperationRecord;
  /** The operation's target, where this process has written it a moment ago; not to be changed. */
  readonly target?: Resource | undefined;
  readonly store: Store;
  readonly log: Logger;
  /** Aborts on cancel, on the step's timeout, on loss of the queue's lease and when the process stops. */
  readonly signal: AbortSignal;
  /** Every write of a step carries it. */
  readonly fence: Fence;
  /** Progress of the step under way: percent 0 to 100 or -1, one line of text. Coalesced: cheap to call often. */
  progress(percent: number, message: string): void;
}

/** Each step is idempotent: it may run again after it was done, or half done. So may its undo. */
export interface Step<C extends JobContext> {
  /** kebab-case, unique in the job. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Tries before the step has failed for good; 1 if absent. Only errors that `isTransient` holds for are tried again. */
  readonly attempts?: number;
  /** Before the second try; doubles each time, up to 10 s. */
  readonly backoffMs?: number;
  /** False: there is nothing to do, and the step is passed over without a write. Only for steps that have no undo. Absent: always true. */
  needed?(ctx: C): boolean;
  /**
   * Its beginning is written beside its work, not before it, where the lease is held at that moment: only for steps that have no undo, and
   * that do no harm when they run once more although the record does not say that they were begun. Absent: false.
   */
  readonly beginsBeside?: boolean;
  /** Begins to find out what `do` will need, beside the write of the step's beginning: reads only, and `do` may not follow. Must not throw. */
  prepare?(ctx: C): void;
  do(ctx: C): Promise<void>;
  undo?(ctx: C): Promise<void>;
}

/** A job reads as its story: the list of its steps. */
export interface Job<C extends JobContext = JobContext> {
  /** kebab-case, for example `create-instance`. */
  readonly name: string;
  readonly steps: readonly Step<C>[];
  /** Makes the context, anew for each run (also after a crash). */
  context(base: JobContext): Promise<C>;
  /**
   * Where the target is given, `context` waits for nothing, and neither does `needed` of a step: the first step can then be told while the
   * operation is written, and that write says too that it is under way. Absent: false.
   */
  readonly plansAtOnce?: boolean;
  /** The target's record as this process knows it, where it does: the write of the end need not ask for it. */
  known?(ctx: C): Resource | undefined;
  /** In the write that ends the operation well: bring records up to date, return the operation's response. */
  succeed(ctx: C, tx: Transaction): Promise<Any>;
  /** In the write that ends it badly, after the undo steps ran (or not, with `retain`). */
  fail(ctx: C, tx: Transaction, error: GantryError): Promise<void>;
}

export interface Submission<T extends Resource> {
  job: string;
  /** As in OperationMetadata.verb. `delete` takes over from whatever runs; every other verb is refused while something runs. */
  verb: string;
  kind: Kind<T>;
  target: string;
  /** Project id for the operation's name. */
  project: string;
  /** Host whose queue does the work. May depend on what `write` decided (placement). */
  host: (record: T) => string;
  /** What `write` will read, as this process knows it: see CommitOptions. */
  known?: readonly KnownRecord[];
  /** Parameters of the job. A function is called after `write`, for what only that has found out. */
  payload?: Uint8Array | (() => Uint8Array);
  retain?: boolean;
  /** AIP-155. Key must name caller, method and request id. */
  requestKey?: string;
  /**
   * Writes what is wanted: reads the target with `tx`, checks, creates or puts it, returns it. `meta.operation` is set by the
   * queue afterwards in the same transaction. May run more than once.
   */
  write(tx: Transaction, operationName: string): Promise<T>;
}

export interface Operations {
  /**
   * Writes record, operation, request id and job intent at once and adds the job. RESOURCE_EXHAUSTED when the queue is full;
   * FAILED_PRECONDITION OPERATION_IN_PROGRESS when something runs on the target. A repeated request id returns the first operation.
   */
  submit<T extends Resource>(submission: Submission<T>): Promise<Operation>;
}
