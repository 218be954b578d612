/** Limits of queues and workers. Each has a default; a service's config may set any of them. */
export interface JobLimits {
  /** Operations that may wait on one queue; more are refused with RESOURCE_EXHAUSTED. */
  queueWaitingMax: number;
  /** Operations one worker runs at a time. */
  concurrency: number;
  /** How long a dead holder of a queue's lease keeps others out. */
  leaseTtlMs: number;
  /** BullMQ's lock on a job, renewed at half of it. */
  lockDurationMs: number;
  /** How often jobs without a lock are looked for. */
  stalledIntervalMs: number;
  /** How often unfinished operations are checked against the queue. */
  sweepIntervalMs: number;
  /** Progress of one operation is written at most once in this time. */
  progressIntervalMs: number;
  /** Finished operations are removed after this. Not less than a request id is remembered: its repeat is answered with the operation. */
  finishedAgeMs: number;
  /** For safety alone: finished operations per queue, about 1 KB of Redis each, beyond which the oldest go although they are young. */
  finishedCountMax: number;
  /** How long steps under way may go on when the process stops. */
  drainMs: number;
  /** How long a step may take to settle after its signal aborted, before it is given up. */
  settleMs: number;
  /** Tries of an undo before it is given up and reported. */
  undoAttempts: number;
  /** How long a job whose context can't be made (engine away) is tried again. */
  contextRetryMs: number;
  /** Longest WaitOperation; also when the request has no timeout. */
  waitMaxMs: number;
}

export const JOB_LIMITS: Readonly<JobLimits> = {
  queueWaitingMax: 10_000,
  concurrency: 8,
  leaseTtlMs: 5_000,
  lockDurationMs: 10_000,
  stalledIntervalMs: 2_000,
  sweepIntervalMs: 5_000,
  progressIntervalMs: 200,
  finishedAgeMs: 24 * 3_600_000,
  finishedCountMax: 200_000,
  drainMs: 5_000,
  settleMs: 10_000,
  undoAttempts: 5,
  contextRetryMs: 600_000,
  waitMaxMs: 600_000,
};

export function jobLimits(changes: Partial<JobLimits> = {}): JobLimits {
  return { ...JOB_LIMITS, ...changes };
}
