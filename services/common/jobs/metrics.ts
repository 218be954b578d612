import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface JobMetrics {
  /** Operations that ended, by job and result (succeeded, failed, cancelled). */
  ended: Counter<"job" | "result">;
  /** Runs that took up an operation again after a crash, a stop or a lost lease. */
  resumed: Counter<"job">;
  /** Seconds per step, tries and waits included; `direction` is do or undo. */
  stepSeconds: Histogram<"job" | "step" | "direction" | "result">;
  /** Jobs on the queue as last seen, by state (waiting, active). */
  depth: Gauge<"queue" | "state">;
}

const STEP_BUCKETS_S = [0.001, 0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 120, 600];

export function jobMetrics(registry: Registry): JobMetrics {
  const registers = [registry];
  return {
    ended: new Counter({
      name: "gantry_operations_ended_total",
      help: "Operations that ended, by job and result.",
      labelNames: ["job", "result"],
      registers,
    }),
    resumed: new Counter({
      name: "gantry_operations_resumed_total",
      help: "Operations taken up again after a crash, a stop or a lost lease.",
      labelNames: ["job"],
      registers,
    }),
    stepSeconds: new Histogram({
      name: "gantry_step_duration_seconds",
      help: "Time of a step of a job or of its undo, tries included.",
      labelNames: ["job", "step", "direction", "result"],
      buckets: STEP_BUCKETS_S,
      registers,
    }),
    depth: new Gauge({
      name: "gantry_queue_jobs",
      help: "Jobs on a queue, by state.",
      labelNames: ["queue", "state"],
      registers,
    }),
  };
}
