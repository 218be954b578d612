import { copyFileSync, statSync, truncateSync } from "node:fs";

/** Of one log; as much again is kept of what was before. */
export const LOG_BYTES_MAX = 32 * 1024 * 1024;
const INTERVAL_MS = 5_000;

/** Keeps each of `paths` small until `signal` aborts. `failed` is told what could not be moved away; it is tried again. */
export function keepLogsBounded(
  paths: () => Iterable<string>,
  options: { signal: AbortSignal; failed: (path: string, error: Error) => void },
): void {
  const timer = setInterval(() => {
    for (const path of paths()) {
      try {
        boundLog(path);
      } catch (error) {
        options.failed(path, error as Error);
      }
    }
  }, INTERVAL_MS);
  timer.unref();
  options.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/**
 * Moves what is in a log that has grown too large to `<path>.1`. It is copied and cut, not renamed, as its writer has it open: that appends,
 * and goes on at its new end. What is written in between, some lines at most, is lost.
 */
export function boundLog(path: string, bytesMax = LOG_BYTES_MAX): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytesMax) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
