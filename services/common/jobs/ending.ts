import type { Logger } from "pino";
import type { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { GantryError } from "../errors/errors.ts";
import type { Transaction } from "../store/api.ts";
import type { Job, JobContext } from "./api.ts";
import { isCancellation, statusOf } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { UNFINISHED_SET } from "./kind.ts";
import { operationOf, OperationState } from "./metadata.ts";
import type { RunEnvironment } from "./run.ts";
import { stepContext } from "./step-context.ts";
import { isTransient } from "./transient.ts";

/** Absent when the job is not known here or its context could not be made. */
export interface Hooks {
  job: Job;
  ctx: JobContext;
}

/** A hook of the job failed, not the store under it. */
class HookFailed extends Error {}

const ENDED = {
  failed: OperationState.OPERATION_STATE_FAILED,
  cancelled: OperationState.OPERATION_STATE_CANCELLED,
  succeeded: OperationState.OPERATION_STATE_SUCCEEDED,
} as const;

/** Ends the operation in one write, with all that the job's hook changes. Throws what a failed `succeed` threw: nothing is written then. */
export async function endOperation(
  env: RunEnvironment,
  journal: Journal,
  log: Logger,
  hooks: Hooks | undefined,
  error?: GantryError,
): Promise<void> {
  try {
    await writeEnd(env, journal, hooks, error);
  } catch (failure) {
    if (!(failure instanceof HookFailed)) throw failure;
    // A failed `succeed` is a failure of the job; a failed `fail` must not keep the operation open for ever.
    if (error === undefined) throw failure.cause;
    log.error({ err: failure.cause }, "the job's fail hook failed: the operation ends without it");
    await writeEnd(env, journal, undefined, error);
  }
  const result = resultOf(error, journal.record);
  env.metrics?.ended.inc({ job: journal.record.job, result });
  log.info({ result }, "operation ended");
}

function writeEnd(
  env: RunEnvironment,
  journal: Journal,
  hooks: Hooks | undefined,
  error: GantryError | undefined,
): Promise<void> {
  const target = hooks?.job.known?.(hooks.ctx);
  const kind = env.kinds.get(journal.record.targetKind);
  const known = target?.meta && kind ? [{ kind, name: target.meta.name, record: target }] : [];
  return journal.commit(async (record, metadata, tx) => {
    const operation = operationOf(record);
    const ctx = hooks && stepContext(hooks.ctx, env.interrupt, () => journal.record);
    if (error) {
      if (hooks && ctx) await hook(() => hooks.job.fail(ctx, tx, error));
      operation.result = { $case: "error", value: statusOf(error) };
      metadata.state = ENDED[resultOf(error, record)];
    } else if (hooks && ctx) {
      const value = await hook(() => hooks.job.succeed(ctx, tx));
      operation.result = { $case: "response", value };
      record.finishedSteps = hooks.job.steps.map((step) => step.name);
      Object.assign(metadata, { state: OperationState.OPERATION_STATE_SUCCEEDED, percent: 100, message: "" });
      metadata.stepIndex = metadata.stepCount;
    }
    await releaseTarget(env, tx, record, metadata.target);
    record.undoing = false;
    record.failure = Buffer.alloc(0);
    operation.done = true;
    metadata.startTime ??= tx.now;
    metadata.endTime = tx.now;
    tx.removeFromSet(UNFINISHED_SET, operation.name);
  }, known);
}

/** `meta.operation` of the target is cleared, unless a delete has taken over. */
async function releaseTarget(
  env: RunEnvironment,
  tx: Transaction,
  record: OperationRecord,
  target: string,
): Promise<void> {
  const kind = env.kinds.get(record.targetKind);
  if (kind === undefined) return;
  const resource = await tx.get(kind, target);
  if (!resource?.meta || resource.meta.operation !== operationOf(record).name) return;
  resource.meta.operation = "";
  tx.put(kind, resource);
}

function resultOf(error: GantryError | undefined, record: OperationRecord): keyof typeof ENDED {
  if (error === undefined) return "succeeded";
  return record.cancelRequested && isCancellation(error) ? "cancelled" : "failed";
}

async function hook<R>(call: () => Promise<R>): Promise<R> {
  try {
    return await call();
  } catch (error) {
    if (isTransient(error)) throw error;
    throw new HookFailed("hook failed", { cause: error });
  }
}
