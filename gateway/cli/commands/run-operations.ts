import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Cli } from "../cli.ts";
import { exitCodeOf } from "../exit-codes.ts";
import { formatItems } from "../output/print.ts";
import { followOperation } from "../operations.ts";
import { findKind } from "../resources.ts";

export interface OperationRun {
  /** How the thing is called on the screen, for example `instance/web`. */
  label: string;
  start: () => Promise<Operation>;
}

/**
 * Starts them all, shows their progress, prints one line (or the resource with `-o`) each. All are tried; the exit code is that of the
 * first that failed.
 */
export async function runOperations(
  cli: Cli,
  runs: readonly OperationRun[],
  done: string,
  wait: boolean,
): Promise<void> {
  const view = cli.progressView();
  const format = cli.format;
  const options = { timeoutMs: cli.operationTimeoutMs, signal: cli.signal };
  const finished: Instance[] = [];
  const failures: unknown[] = [];
  const one = async ({ label, start }: OperationRun) => {
    try {
      const started = await start();
      if (!wait && !started.done) {
        cli.print(started.name);
        return;
      }
      const ended = await followOperation(cli.connection, started, label, view, options);
      const response = ended.result?.$case === "response" ? ended.result.value : undefined;
      if (response?.typeUrl.endsWith("/gantry.compute.v1.Instance")) finished.push(Instance.decode(response.value));
      if (format === "table" || format === "wide") view.end(label, `${label} ${done}`);
    } catch (error) {
      failures.push(error);
      view.end(label, `${label} failed: ${(error as Error).message}`);
    }
  };
  await Promise.all(runs.map(one));
  if (format !== "table" && format !== "wide" && finished.length > 0) {
    cli.print(formatItems(findKind("instance"), finished, format, runs.length === 1));
  }
  const [first] = failures;
  if (first !== undefined) process.exitCode = exitCodeOf(first);
}
