import { status as Code } from "@grpc/grpc-js";
import type { Command } from "commander";
import { deadlineExceeded, GantryError, notFound } from "../../../services/common/errors/errors.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { followOperation, pause, RETRY_MS } from "../operations.ts";
import { toJson } from "../output/json.ts";
import { suggestion } from "../suggest.ts";
import { parseInstances, parseTargets, type Target } from "../targets.ts";
import { watchNames } from "./watch-names.ts";

/** For the connection and the first answer. */
const FIRST_LOOK_MS = 30_000;

export function register(program: Command, cli: Cli): void {
  program
    .command("wait")
    .summary("wait for the end of an operation, a state, or that something is gone")
    .description(
      "Waits until an operation ends, a state or condition is reached, or a resource is gone:\n" +
        "  gantry wait web --for state=RUNNING\n  gantry wait host/rack1-07 --for state=READY --timeout 1m\n" +
        "  gantry wait instance/web --for delete\n  gantry wait projects/default/operations/compute-…",
    )
    .argument("<target>", "instance, kind/name, or an operation's full name")
    .option("--for <condition>", "state=STATE, delete, or condition=TYPE; of an operation: its end")
    .action(async (word: string, options: { for?: string }) => {
      const target = parseTarget(word, cli.project);
      const label = `${target.kind.singular}/${target.name.split("/").pop()}`;
      if (target.kind.singular === "operation") {
        if (options.for !== undefined)
          throw new UsageError("of an operation only its end is waited for, without --for");
        await waitForOperation(cli, target.name);
        cli.print(`${label} done`);
        return;
      }
      if (options.for === undefined)
        throw new UsageError("say what to wait for: --for state=RUNNING, --for delete or --for condition=TYPE");
      await waitFor(cli, target, options.for);
      cli.print(`${label} ${options.for === "delete" ? "is gone" : `has ${options.for}`}`);
    });
}

/** A bare word is an instance. */
function parseTarget(word: string, project: string): Target {
  const words = word.includes("/") ? [word] : parseInstances([word], project);
  return parseTargets(words, project)[0] as Target;
}

async function waitForOperation(cli: Cli, name: string): Promise<void> {
  const { connection } = cli;
  const operation = await connection.call(connection.operations, connection.operations.getOperation, { name });
  const wait = { timeoutMs: cli.operationTimeoutMs, signal: cli.signal };
  const view = cli.progressView();
  try {
    await followOperation(connection, operation, name, view, wait);
  } finally {
    view.succeeded(name, undefined);
  }
}

type Condition = (value: unknown) => boolean;

interface Shown {
  status?: { state?: string; conditions?: { type?: string; status?: string }[] };
}

const stateOf = (value: unknown) => (value as Shown | undefined)?.status?.state?.replace(/^.*_STATE_/, "") ?? "";

/** `states`: those that the kind knows; others are a mistake, not something to wait for. */
export function parseCondition(text: string, states: readonly string[]): Condition {
  if (text === "delete") return (value) => value === undefined;
  const [key, wanted, ...more] = text.split("=");
  if (key === "state" && wanted && more.length === 0) {
    const state = wanted.toUpperCase().replace(/^.*_STATE_/, "");
    if (!states.includes(state)) {
      const known = states.length === 0 ? "it has no states" : `one of ${states.join(", ")}`;
      throw new UsageError(`--for ${text}: no such state${suggestion(state, states)} (${known})`);
    }
    return (value) => stateOf(value) === state;
  }
  if (key === "condition" && wanted && more.length === 0) {
    return (value) =>
      ((value as Shown | undefined)?.status?.conditions ?? []).some(
        (c) => c.type === wanted && c.status === "CONDITION_STATUS_TRUE",
      );
  }
  throw new UsageError(`--for ${text}: write state=STATE, delete or condition=TYPE`);
}

async function waitFor(cli: Cli, target: Target, text: string): Promise<void> {
  const met = parseCondition(text, target.kind.states);
  const timeoutMs = cli.operationTimeoutMs;
  const late = new AbortController();
  const signal = AbortSignal.any([late.signal, cli.signal]);
  // The time that was asked for begins with the first look: the state is known then, however short it is.
  let timer = setTimeout(() => late.abort(), Math.max(timeoutMs, FIRST_LOOK_MS));
  let last: string | undefined;
  const look = async (): Promise<boolean> => {
    for await (const bytes of watchNames(cli.connection, target.kind, target.name, signal)) {
      const value = bytes === undefined ? undefined : toJson(target.kind, target.kind.message.decode(bytes));
      if (met(value)) return true;
      // What is not there will not get into a state.
      if (value === undefined) throw notFound(target.name);
      if (last === undefined) {
        clearTimeout(timer);
        timer = setTimeout(() => late.abort(), timeoutMs);
        cli.hint(`${target.name} is ${stateOf(value) || "there"}: waiting for ${text}`);
      }
      last = stateOf(value);
    }
    return false;
  };
  try {
    while (!signal.aborted) {
      try {
        if (await look()) return;
      } catch (error) {
        // What answered once is waited for; rather a clear "no answer" than a long silence where nothing ever did.
        if (last === undefined || !(error instanceof GantryError) || error.code !== Code.UNAVAILABLE) throw error;
      }
      if (!signal.aborted) await pause(RETRY_MS, signal);
    }
  } finally {
    clearTimeout(timer);
  }
  cli.signal.throwIfAborted();
  if (last === undefined) throw deadlineExceeded(`nothing was heard of ${target.name}`);
  const now = last === "" ? "" : `: it is ${last}`;
  throw deadlineExceeded(`${target.name} did not get to ${text} within ${timeoutMs / 1000} s${now}`);
}
