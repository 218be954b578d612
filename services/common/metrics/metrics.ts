import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface RpcMetrics {
  /** Ended calls by method (`gantry.compute.v1.ComputeService/GetInstance`) and code name. */
  calls: Counter<"method" | "code">;
  seconds: Histogram<"method" | "code">;
  active: Gauge<"method">;
}

export interface Metrics {
  registry: Registry;
  rpc: RpcMetrics;
}

const LATENCY_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** A registry of its own (never the global one) with Node's figures: cpu, memory, event loop lag, garbage collection. */
export function createMetrics(process: string, options: { defaults?: boolean } = {}): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  if (options.defaults ?? true) collectDefaultMetrics({ register: registry });
  const labelNames = ["method", "code"] as const;
  return {
    registry,
    rpc: {
      calls: new Counter({
        name: "gantry_rpc_server_calls_total",
        help: "Calls that ended, by method and status code",
        labelNames,
        registers: [registry],
      }),
      seconds: new Histogram({
        name: "gantry_rpc_server_call_seconds",
        help: "Time from the arrival of a call to its status",
        labelNames,
        buckets: LATENCY_BUCKETS_S,
        registers: [registry],
      }),
      active: new Gauge({
        name: "gantry_rpc_server_calls_active",
        help: "Calls under way",
        labelNames: ["method"],
        registers: [registry],
      }),
    },
  };
}
