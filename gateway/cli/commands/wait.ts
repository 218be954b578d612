import type { Command } from "commander";
import { deadlineExceeded } from "../../../services/common/errors/errors.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { followOperation } from "../operations.ts";
import { toJson } from "../output/print.ts";
import { parseTargets, type Target } from "../targets.ts";
import { watchNames } from "./watch-names.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("wait")
    .description(
      "until an operation ends, a state is reached or a resource is gone: gantry wait instance/web --for state=RUNNING",
    )
    .argument("<target>", "kind/name, or an operation's name")
    .option("--for <condition>", "state=STATE, delete, or condition=TYPE; for an operation: its end")
    .action(async (word: string, options: { for?: string }) => {
      const target = parseTargets([word], cli.project)[0] as Target;
      if (target.kind.singular === "operation") {
        const operation = await cli.connection.call(cli.connection.operations, cli.connection.operations.getOperation, {
          name: target.name,
        });
        const wait = { timeoutMs: cli.operationTimeoutMs, signal: cli.signal };
        await followOperation(cli.connection, operation, target.name, cli.progressView(), wait);
        cli.print(`${target.name} done`);
        return;
      }
      if (options.for === undefined)
        throw new UsageError("say what to wait for: --for state=RUNNING, --for delete or --for condition=TYPE");
      await waitFor(cli, target, parseCondition(options.for));
      cli.print(`${target.kind.singular}/${target.name.split("/").pop()} ${options.for} met`);
    });
}

type Condition = (value: unknown) => boolean;

interface Shown {
  status?: { state?: string; conditions?: { type?: string; status?: string }[] };
}

export function parseCondition(text: string): Condition {
  if (text === "delete") return (value) => value === undefined;
  const [key, wanted] = text.split("=");
  if (key === "state" && wanted) {
    return (value) => {
      const state = (value as Shown | undefined)?.status?.state ?? "";
      return state === wanted || state.endsWith(`_STATE_${wanted.toUpperCase()}`);
    };
  }
  if (key === "condition" && wanted) {
    return (value) =>
      ((value as Shown | undefined)?.status?.conditions ?? []).some(
        (c) => c.type === wanted && c.status === "CONDITION_STATUS_TRUE",
      );
  }
  throw new UsageError(`--for ${text}: write state=STATE, delete or condition=TYPE`);
}

async function waitFor(cli: Cli, target: Target, met: Condition): Promise<void> {
  const timeout = AbortSignal.timeout(cli.operationTimeoutMs);
  const signal = AbortSignal.any([timeout, cli.signal]);
  try {
    for await (const bytes of watchNames(cli.connection, target.kind.kind, target.name, signal)) {
      if (met(bytes === undefined ? undefined : toJson(target.kind, target.kind.message.decode(bytes)))) return;
    }
  } catch (error) {
    if (!timeout.aborted) throw error;
  }
  throw deadlineExceeded(`${target.name} did not get there within ${cli.operationTimeoutMs / 1000} s`);
}
