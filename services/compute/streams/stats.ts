import { setTimeout as delay } from "node:timers/promises";
import type { InstanceUsage } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { instanceUsage } from "../observe/usage/counters.ts";
import type { ContainerMeter, Metered } from "../observe/usage/container-meter.ts";

/** The first sample's processor share is the mean of this time. */
const FIRST_SAMPLE_MS = 100;

export interface StatsOptions {
  /** Resource name. */
  instance: string;
  intervalMs: number;
  /** The running container; undefined when there is none now. */
  container: () => Promise<Metered | undefined>;
}

/**
 * Usage of an instance: one sample at once, then one per interval, until `signal` aborts. FAILED_PRECONDITION INSTANCE_NOT_RUNNING when it
 * does not run, or not any more.
 */
export async function stats(
  meter: ContainerMeter,
  options: StatsOptions,
  output: (usage: InstanceUsage) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const read = async () => {
    const container = await options.container();
    if (!container) throw notRunning(options.instance);
    return meter.read(container, signal).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      // The kernel's files are gone with the processes.
      throw code === "ENOENT" || code === "ENODEV" || code === "ESRCH" ? notRunning(options.instance) : error;
    });
  };
  let before = await read();
  await delay(FIRST_SAMPLE_MS, undefined, { signal });
  for (;;) {
    const after = await read();
    await output(instanceUsage(options.instance, before, after));
    before = after;
    await delay(options.intervalMs, undefined, { signal });
  }
}

function notRunning(instance: string): Error {
  return failedPrecondition("INSTANCE_NOT_RUNNING", `${instance} is not running: start it first`, { name: instance });
}
