import { status as Code } from "@grpc/grpc-js";
import { OperationMetadata, OperationRecord } from "../../proto/gen/gantry/common/v1/operation.ts";
import { EventType, type WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import type { Operation } from "../../proto/gen/google/longrunning/operations.ts";
import { deadlineExceeded, GantryError } from "../../services/common/errors/errors.ts";
import { matchOperationName } from "../../services/common/names/operation-names.ts";
import { fromRpcStatus, fromServiceError } from "../../services/common/errors/status.ts";
import type { Connection } from "./connection.ts";
import type { ProgressView } from "./output/progress.ts";

/** Between a lost connection and the next try. */
export const RETRY_MS = 500;

/**
 * Follows an operation to its end through the service's Watch, whatever happens to the connection in between; returns it when it
 * ended well, throws what it failed with. DEADLINE_EXCEEDED after `timeoutMs`: the operation goes on.
 */
export async function followOperation(
  connection: Connection,
  operation: Operation,
  label: string,
  view: ProgressView,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<Operation> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([timeout, options.signal]);
  let current = operation;
  while (!current.done) {
    try {
      current = await watchOnce(connection, current, (metadata) => view.update(label, metadata), signal);
    } catch (error) {
      if (timeout.aborted) {
        throw deadlineExceeded(
          `${operation.name} has not ended after ${options.timeoutMs / 1000} s; it goes on: gantry wait ${operation.name}`,
        );
      }
      if (options.signal.aborted || !(error instanceof GantryError) || error.code !== Code.UNAVAILABLE) throw error;
      await pause(RETRY_MS, signal);
    }
  }
  if (current.result?.$case === "error") throw fromRpcStatus(current.result.value);
  return current;
}

/** Resolves when it may go on; an abort only cuts the wait short, the caller sees it at its next call. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Follows until the operation is done (returned) or the stream breaks (thrown). */
async function watchOnce(
  connection: Connection,
  operation: Operation,
  onProgress: (metadata: OperationMetadata) => void,
  signal: AbortSignal,
): Promise<Operation> {
  const stream = await connection.watch(matchOperationName(operation.name)?.service ?? "compute", {
    kinds: ["Operation"],
    namePrefix: operation.name,
    labelSelector: "",
    logId: "",
    since: 0n,
    observations: false,
  });
  return new Promise((resolve, reject) => {
    const cancel = () => stream.cancel();
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    let found = false;
    const settle = (finish: () => void) => {
      signal.removeEventListener("abort", cancel);
      finish();
      stream.cancel();
    };
    stream.on("data", (batch: WatchResponse) => {
      for (const event of batch.events) {
        if (event.name !== operation.name) continue;
        if (event.type === EventType.EVENT_TYPE_DELETED || !event.object) {
          settle(() =>
            reject(new GantryError(Code.NOT_FOUND, `${operation.name} was deleted`, { reason: "NOT_FOUND" })),
          );
          return;
        }
        found = true;
        const current = OperationRecord.decode(event.object.value).operation;
        if (current?.metadata) onProgress(OperationMetadata.decode(current.metadata.value));
        if (current?.done) {
          settle(() => resolve(current));
          return;
        }
      }
      // Not in a whole snapshot: it ended long ago and its record is gone.
      if (batch.synced && !found) {
        settle(() =>
          reject(new GantryError(Code.NOT_FOUND, `${operation.name} does not exist`, { reason: "NOT_FOUND" })),
        );
      }
    });
    stream.on("error", (error) =>
      settle(() => reject(fromServiceError(error as Parameters<typeof fromServiceError>[0]))),
    );
    stream.on("end", () =>
      settle(() => reject(new GantryError(Code.UNAVAILABLE, "the stream ended", { reason: "STREAM_ENDED" }))),
    );
  });
}
