import { readLogs } from "../../common/engine/api/logs.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { failedPrecondition, type GantryError } from "../../common/errors/errors.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { clipBytes } from "../../common/observe/clip.ts";
import { isCrashLooping } from "../observe/crash-loop.ts";

const OUTPUT_LINES_MAX = 20;
const OUTPUT_LINE_BYTES_MAX = 200;
const OUTPUT_BYTES_MAX = 2 * 1024;
const OUTPUT_TIMEOUT_MS = 5_000;

/** Whether the main process ended badly and stays so, or ends again and again however it ends. */
export function hasCrashed(container: ContainerState): boolean {
  switch (container.state) {
    case "exited":
    case "dead":
      return container.exitCode !== 0 || container.error !== "";
    default:
      return isCrashLooping(container);
  }
}

/** What is to be said of one that has: how it ended, and what it wrote last (metadata `output`). */
export async function crashError(ctx: InstanceContext, container: ContainerState): Promise<GantryError> {
  const { exitCode, restartCount, oomKilled } = container;
  const looping = container.state === "restarting";
  const why = container.error === "" ? (oomKilled ? ": killed at its memory limit" : "") : `: ${container.error}`;
  const what = looping
    ? `the main process ends again and again: ${restartCount} restarts, the last end with code ${exitCode}`
    : `the main process ended at once with code ${exitCode}`;
  const output = await lastOutput(ctx, container.id);
  return failedPrecondition(looping ? "CRASH_LOOP" : "MAIN_PROCESS_ENDED", `${what}${why}`, {
    exitCode: String(exitCode),
    ...(looping ? { restartCount: String(restartCount) } : {}),
    ...(output === "" ? {} : { output }),
  });
}

/** The end of the container's log; empty when there is none to be had. */
async function lastOutput(ctx: InstanceContext, id: string): Promise<string> {
  const lines: string[] = [];
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(OUTPUT_TIMEOUT_MS)]);
  try {
    const options = { follow: false, tail: OUTPUT_LINES_MAX, tty: false, signal };
    for await (const parts of readLogs(ctx.tools.engine, id, options)) {
      for (const { line } of parts) lines.push(clipBytes(line.toString("utf8"), OUTPUT_LINE_BYTES_MAX));
      lines.splice(0, lines.length - OUTPUT_LINES_MAX);
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.log.warn({ err: error, container: id }, "the output of a main process that ended could not be read");
  }
  while (Buffer.byteLength(lines.join("\n")) > OUTPUT_BYTES_MAX) lines.shift();
  return lines.join("\n");
}
