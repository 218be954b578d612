import { flushCompileCache } from "node:module";
import type { Logger } from "pino";
import { ConfigError, type Environment } from "../config/config.ts";
import type { ProcessConfig } from "../config/process.ts";
import { createLog } from "../log/log.ts";
import { serveMetrics } from "../metrics/http.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";

const DESTROY_TIMEOUT_MS = 5_000;
/** Where the drain has no time of its own to keep to, it ends this much later than asked. */
const DRAIN_GRACE_MS = 1_000;
const COMPILE_CACHE_DELAY_MS = 5_000;
const EXIT_FAILURE = 1;
/** EX_CONFIG of sysexits(3): starting again won't help. */
const EXIT_CONFIG = 78;

export interface MainContext<C> {
  readonly config: C;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborts after the drain: whatever waits must stop now. */
  readonly signal: AbortSignal;
  /** Stops the process in order, as SIGTERM does, with exit code 1: for a failure found while running. */
  fail(error: unknown): void;
}

/** What `create` started. */
export interface Running {
  /** Accept nothing new and let what runs end, within config.drainTimeoutMs. */
  drain?(): Promise<void>;
  /** Free everything; the signal has aborted. */
  destroy(): Promise<void>;
  /** More for the `ready` log line, for example the addresses. */
  ready?: Record<string, unknown>;
}

export interface MainOptions<C extends ProcessConfig> {
  /** Process, for example `compute`. */
  name: string;
  config: (env: Environment) => C;
  create: (ctx: MainContext<C>) => Promise<Running>;
}

/**
 * A process from start to exit: config, log, metrics, `create`, one line `ready`; SIGTERM and SIGINT drain it (a second one ends it at
 * once). Exit code 0 after an orderly stop, 1 after a failure, 78 when the settings are wrong.
 */
export async function runMain<C extends ProcessConfig>(options: MainOptions<C>): Promise<void> {
  const config = readOrExit(options);
  const log = createLog({ name: options.name, level: config.logLevel, host: config.hostName });
  const crash = (event: string) => (error: unknown) => {
    log.fatal({ err: error }, event);
    process.exit(EXIT_FAILURE);
  };
  process.on("uncaughtException", crash("uncaught exception"));
  process.on("unhandledRejection", crash("unhandled rejection"));

  const controller = new AbortController();
  const metrics = createMetrics(options.name);
  let running: Running | undefined;
  let stopping: Promise<void> | undefined;

  async function stop(why: string, exitCode: number): Promise<void> {
    const startedMs = performance.now();
    log.info({ why }, "stopping");
    let code = exitCode;
    if (running?.drain && !(await settles(log, "drain", running.drain(), config.drainTimeoutMs + DRAIN_GRACE_MS))) {
      code ||= EXIT_FAILURE;
    }
    controller.abort(new Error(`${options.name} is stopping`));
    if (running && !(await settles(log, "destroy", running.destroy(), DESTROY_TIMEOUT_MS))) code ||= EXIT_FAILURE;
    await metricsServer?.close();
    log.info({ ms: Math.round(performance.now() - startedMs), exitCode: code }, "stopped");
    process.exit(code);
  }
  const beginStop = (why: string, exitCode: number): void => {
    stopping ??= stop(why, exitCode).catch(crash("stop failed"));
  };
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      if (stopping !== undefined) process.exit(EXIT_FAILURE);
      beginStop(name, 0);
    });
  }

  let metricsServer: Awaited<ReturnType<typeof serveMetrics>> | undefined;
  try {
    if (config.metricsListen !== "") {
      metricsServer = await serveMetrics({
        listen: config.metricsListen,
        registry: metrics.registry,
        healthy: () => running !== undefined && stopping === undefined,
        log,
      });
    }
    const fail = (error: unknown): void => {
      log.fatal({ err: error }, "failed");
      beginStop("failure", EXIT_FAILURE);
    };
    running = await options.create({ config, log, metrics, signal: controller.signal, fail });
  } catch (error) {
    // A signal during the start has begun the stop already; it ends the process.
    log.fatal({ err: error }, `${options.name} could not start`);
    beginStop("start failed", EXIT_FAILURE);
    return;
  }
  log.info({ ...running.ready, ms: Math.round(performance.now()) }, "ready");
  // Otherwise written at exit only, which a killed process never reaches. Nothing where NODE_COMPILE_CACHE is not set. The first time it
  // takes a second in which nothing is answered: not while others wait for this process to be ready.
  setTimeout(flushCompileCache, COMPILE_CACHE_DELAY_MS).unref();
}

function readOrExit<C extends ProcessConfig>(options: MainOptions<C>): C {
  try {
    return options.config(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`gantry ${options.name}: ${problem}\n`);
    process.exit(EXIT_CONFIG);
  }
}

/** False when it failed or took longer; both are logged. */
async function settles(log: Logger, what: string, work: Promise<void>, timeoutMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), timeoutMs);
  try {
    if ((await Promise.race([work, late])) !== "late") return true;
    log.error({ timeoutMs }, `${what} took too long`);
  } catch (error) {
    log.error({ err: error }, `${what} failed`);
  } finally {
    clearTimeout(timer);
  }
  return false;
}
