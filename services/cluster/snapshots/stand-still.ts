import {
  findContainer,
  inspectContainer,
  pauseContainer,
  unpauseContainer,
} from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { unavailable } from "../../common/errors/errors.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";

const CALL_TIMEOUT_MS = 10_000;

/**
 * Does `work` while none of the containers runs on, and lets those run again that were made to stand still, whatever becomes of it. Resolves to how
 * long they stood. UNAVAILABLE STARTED_MEANWHILE where somebody else has let one run before the end.
 */
export async function standStill(
  engine: Engine,
  containers: readonly string[],
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<number> {
  // Not with the step's own signal: what stands still must run again also when that aborts.
  const limits = { timeoutMs: CALL_TIMEOUT_MS };
  const startMs = performance.now();
  const stopped: string[] = [];
  const pause = async (container: string): Promise<void> => {
    const { State } = await inspectContainer(engine, container, limits);
    if (!State.Running || State.Paused) return;
    stopped.push(container);
    await pauseContainer(engine, container, limits);
  };
  try {
    await allSettled(containers.map(pause));
    signal.throwIfAborted();
    await work();
    await Promise.all(containers.map((container) => needStill(engine, container)));
  } finally {
    await allSettled(stopped.map((container) => resume(engine, container)));
  }
  return performance.now() - startMs;
}

/**
 * Lets those run that stand still: a process that made them do so was killed at that moment. What is captured is never meant to be paused.
 */
export async function letRun(engine: Engine, containers: readonly string[]): Promise<void> {
  await allSettled(containers.map((container) => resume(engine, container)));
}

async function needStill(engine: Engine, container: string): Promise<void> {
  const { State } = await inspectContainer(engine, container, { timeoutMs: CALL_TIMEOUT_MS });
  if (State.Running && !State.Paused) throw unavailable("STARTED_MEANWHILE", `${container} was set going meanwhile`);
}

async function resume(engine: Engine, container: string): Promise<void> {
  const found = await findContainer(engine, container, { timeoutMs: CALL_TIMEOUT_MS });
  if (found?.State.Paused) await unpauseContainer(engine, container, { timeoutMs: CALL_TIMEOUT_MS });
}
