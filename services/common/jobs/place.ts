import type { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Fence, Resource } from "../store/api.ts";

/** An operation and its target: being written, or as they were written. */
export interface Submitted {
  readonly record: OperationRecord;
  readonly target: Resource;
}

/** Held, while an operation is written, among those that this process works on at once: it can begin without the way through Redis. */
export interface Place {
  /** For that write: the queue is this process's to work on. */
  readonly fence: Fence;
  /** Operations of the queue that may be under way at once. */
  readonly concurrency: number;
  /** The record says from now on, where its job can tell it, that its first step is under way. Called once, before the write. */
  plan(submitted: Submitted, now: Date): Promise<void>;
  /** It is written: begins it. Its job joins this run when it comes, and runs it where it is interrupted, or can't begin after all. */
  begin(submitted: Submitted): void;
  /** Nothing happens where it was begun, or released. */
  release(): void;
}
