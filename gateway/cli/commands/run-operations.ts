import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { Cli } from "../cli.ts";
import { exitCodeOf } from "../exit-codes.ts";
import { followOperation } from "../operations.ts";
import { errorText } from "../output/error.ts";
import { formatItems } from "../output/print.ts";
import { findKind, resourceKinds } from "../resources.ts";
import type { ResourceKind } from "../resources/kind.ts";

export interface OperationRun {
  /** How the thing is called on the screen, for example `instance/web`. */
  label: string;
  start: () => Promise<Operation>;
}

/** More at once would only wait in the service. */
const STARTS_AT_ONCE = 16;

/**
 * Starts them all, shows their progress, prints one line (or with `-o` the resource, or the operation that is not waited for) each. All are tried, whatever becomes of the others;
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
  // oxlint-disable-next-line typescript/no-explicit-any -- each is used only through its own kind
  const finished: { kind: ResourceKind<any>; item: unknown }[] = [];
  const failures: unknown[] = [];
  const one = async ({ label, start }: OperationRun) => {
    let started: Operation | undefined;
    try {
      started = await start();
      if (!wait && !started.done) {
        if (isTable) cli.print(started.name);
        else finished.push({ kind: findKind("operation"), item: started });
        return;
      }
      const ended = await followOperation(cli.connection, started, label, view, options);
      const response = ended.result?.$case === "response" ? ended.result.value : undefined;
      const kind = resourceKinds.find(({ typeName }) => response?.typeUrl.endsWith(`/${typeName}`));
      if (kind && response) finished.push({ kind, item: kind.message.decode(response.value) });
      view.succeeded(label, isTable ? `${label} ${done}` : undefined);
    } catch (error) {
      if (cli.signal.aborted) {
        view.failed(label, started ? `${label}: ${started.name} goes on` : `${label}: interrupted`);
        return;
      }
      failures.push(error);
      // What it was doing, with the logs of what failed in it.
      const more = started === undefined ? "" : `\nMore: gantry get operation ${started.name} -o yaml`;
      view.failed(label, `${label} failed: ${errorText(error)}${more}`);
    }
  };
  const waiting = [...runs];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await one(next);
  };
  await Promise.all(Array.from({ length: Math.min(STARTS_AT_ONCE, runs.length) }, worker));
  for (const kind of isTable ? [] : new Set(finished.map((one) => one.kind))) {
    const items = finished.filter((one) => one.kind === kind).map((one) => one.item);
    cli.print(await formatItems(kind, items, format, runs.length === 1));
  }
  const [first] = failures;
  if (first !== undefined) process.exitCode = exitCodeOf(first);
  return first === undefined && !cli.signal.aborted;
}
