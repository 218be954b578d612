import type { Operation, WaitOperationRequest } from "../../../../proto/gen/google/longrunning/operations.ts";
import { OperationRecord } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import { invalidArgument, notFound } from "../../errors/errors.ts";
import { parseOperationName } from "../../names/operation-names.ts";
import type { Store } from "../../store/api.ts";
import { operationKind } from "../kind.ts";
import { operationOf } from "../metadata.ts";

export interface WaitOptions {
  /** The call's end: its deadline, the client going away. */
  signal: AbortSignal;
  /** Epoch ms; Infinity when there is none. */
  deadline: number;
  waitMaxMs: number;
}

/** The answer must be on its way before the call's deadline. */
const DEADLINE_MARGIN_MS = 50;

/**
 * The operation when it is done, or as it is when the timeout (or the limit for one, or the call's deadline) has passed. Driven by the
 * store's changes. NOT_FOUND also when it is deleted meanwhile.
 */
export async function waitOperation(
  store: Store,
  request: WaitOperationRequest,
  { signal, deadline, waitMaxMs }: WaitOptions,
): Promise<Operation> {
  const { name } = request;
  parseOperationName(name);
  const limitMs = Math.min(timeoutMs(request), waitMaxMs);
  const changes = new AbortController();
  let latest: Operation | undefined;
  let deleted = false;
  // Before the first read, so that no change is missed between the two.
  const unsubscribe = store.onChange((change) => {
    if (change.kind !== operationKind.name || change.name !== name) return;
    deleted = change.deleted;
    if (!deleted) latest = operationOf(OperationRecord.decode(change.bytes));
    if (deleted || latest?.done) changes.abort();
  });
  try {
    const found = operationOf(await store.need(operationKind, name));
    // The read took time too.
    const leftMs = Math.max(0, deadline - Date.now() - DEADLINE_MARGIN_MS);
    if (!found.done) await aborted([changes.signal, signal], Math.min(limitMs, leftMs));
    signal.throwIfAborted();
    if (deleted) throw notFound(name);
    return found.done ? found : (latest ?? found);
  } finally {
    unsubscribe();
  }
}

function timeoutMs({ timeout }: WaitOperationRequest): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const ms = Number(timeout.seconds) * 1_000 + timeout.nanos / 1_000_000;
  if (ms < 0) throw invalidArgument([{ field: "timeout", description: "is negative" }]);
  return ms;
}

/** Resolves when one of the signals aborts or `ms` have passed. */
function aborted(signals: AbortSignal[], ms: number): Promise<void> {
  return new Promise((resolve) => {
    const any = AbortSignal.any(signals);
    const timer = setTimeout(resolve, ms);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    if (any.aborted) done();
    else any.addEventListener("abort", done, { once: true });
  });
}
