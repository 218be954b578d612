import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Cli } from "../cli.ts";
import { exitCodeOf } from "../exit-codes.ts";
import { followOperation } from "../operations.ts";
import { errorText } from "../output/error.ts";
import { formatItems } from "../output/print.ts";
import { findKind } from "../resources.ts";

export interface OperationRun {
  /** How the thing is called on the screen, for example `instance/web`. */
  label: string;
  start: () => Promise<Operation>;
}

/** More at once would only wait in the service. */
const STARTS_AT_ONCE = 16;

/**
 * Starts them all, shows their progress, prints one line (or the resource with `-o`) each. All are tried, whatever becomes of the others;
 * the exit code is that of the first that failed. Returns whether all went well.
 */
export async function runOperations(
  cli: Cli,
  runs: readonly OperationRun[],
  done: string,
  wait: boolean,
): Promise<boolean> {
  const view = cli.progressView();
  const format = cli.format;
  const isTable = format === "table" || format === "wide";
  const options = { timeoutMs: cli.operationTimeoutMs, signal: cli.signal };
  const finished: Instance[] = [];
  const failures: unknown[] = [];
  const one = async ({ label, start }: OperationRun) => {
    let started: Operation | undefined;
    try {
      started = await start();
      if (!wait && !started.done) {
        cli.print(started.name);
        return;
      }
      const ended = await followOperation(cli.connection, started, label, view, options);
      const response = ended.result?.$case === "response" ? ended.result.value : undefined;
      if (response?.typeUrl.endsWith("/gantry.compute.v1.Instance")) finished.push(Instance.decode(response.value));
      view.succeeded(label, isTable ? `${label} ${done}` : undefined);
    } catch (error) {
      if (cli.signal.aborted) {
        view.failed(label, started ? `${label}: ${started.name} goes on` : `${label}: interrupted`);
        return;
      }
      failures.push(error);
      view.failed(label, `${label} failed: ${errorText(error)}`);
    }
  };
  const waiting = [...runs];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await one(next);
  };
  await Promise.all(Array.from({ length: Math.min(STARTS_AT_ONCE, runs.length) }, worker));
  if (!isTable && finished.length > 0)
    cli.print(await formatItems(findKind("instance"), finished, format, runs.length === 1));
  const [first] = failures;
  if (first !== undefined) process.exitCode = exitCodeOf(first);
  return first === undefined && !cli.signal.aborted;
}
