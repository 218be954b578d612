import { availableParallelism } from "node:os";
import type { WatchLimits } from "../watch/limits.ts";
import { type ConfigReader, REQUIRED } from "./config.ts";
import { type ProcessConfig, readProcessConfig } from "./process.ts";
import { readWatchLimits } from "./watch.ts";

/** What a service is told that works on its host's engine: one process on each host. */
export interface HostServiceConfig extends ProcessConfig {
  redisUrl: string;
  /** Unix socket of the host's engine. */
  engineSocket: string;
  /** gRPC address. */
  listen: string;
  /** gRPC address by which other hosts reach this process; empty: the one it listens on. */
  endpoint: string;
  /** Containers that are made or started at the same time on this host. */
  engineConcurrency: number;
  /** Jobs that run at the same time on this host. */
  jobConcurrency: number;
  /** Jobs that may wait for this host. */
  jobQueueMax: number;
  /** Creations that may wait for their turn to be admitted. */
  admissionsWaitingMax: number;
  /** Part of Redis's memory, up to 1, that the service's log of changes may take. */
  logMemoryShare: number;
  /** For serveWatch. */
  watchLimits: WatchLimits;
}

export interface HostServiceDefaults {
  metricsListen: string;
  listen: string;
  jobConcurrency: number;
  /** Of jobs, and of creations. */
  waitingMax: number;
}

export function readHostServiceConfig(c: ConfigReader, defaults: HostServiceDefaults): HostServiceConfig {
  const { metricsListen, listen, jobConcurrency, waitingMax } = defaults;
  const concurrency = { min: 1, max: 256 };
  const waiting = { min: 1, max: 1_000_000 };
  return {
    ...readProcessConfig(c, { metricsListen }),
    redisUrl: c.string("GANTRY_REDIS_URL", REQUIRED, "Redis, as redis://host:port or unix:///path"),
    engineSocket: c.path("GANTRY_ENGINE_SOCKET", "/var/run/docker.sock", "Unix socket of the container engine"),
    listen: c.hostPort("GANTRY_LISTEN", listen, "gRPC address"),
    endpoint: c.hostPort("GANTRY_ENDPOINT", "", "gRPC address by which other hosts reach this process"),
    engineConcurrency: c.integer(
      "GANTRY_ENGINE_CONCURRENCY",
      4 * availableParallelism(),
      "Containers that are made or started at the same time on this host; by default four for each processor",
      concurrency,
    ),
    jobConcurrency: c.integer(
      "GANTRY_JOB_CONCURRENCY",
      jobConcurrency,
      "Jobs that run at the same time on this host",
      concurrency,
    ),
    jobQueueMax: c.integer("GANTRY_JOB_QUEUE_MAX", waitingMax, "Jobs that may wait for this host", waiting),
    admissionsWaitingMax: c.integer(
      "GANTRY_ADMISSIONS_WAITING_MAX",
      waitingMax,
      "Creations that may wait to be admitted",
      waiting,
    ),
    logMemoryShare:
      c.integer(
        "GANTRY_LOG_MEMORY_PERCENT",
        20,
        "Percent of Redis's memory that the service's log of changes may take, from which watchers go on where they were",
        { min: 1, max: 40 },
      ) / 100,
    watchLimits: readWatchLimits(c),
  };
}
