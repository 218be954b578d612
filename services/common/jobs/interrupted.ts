/**
 * The run of an operation was cut short without a verdict on it: the process stops or the queue's lease is lost. The operation goes on
 * behind its last finished step, here or elsewhere.
 */
export class Interrupted extends Error {
  constructor(why: string, cause?: unknown) {
    super(`interrupted: ${why}`, cause === undefined ? undefined : { cause });
    this.name = "Interrupted";
  }
}
