import type { Command } from "commander";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type {
  ExecInstanceRequest as ExecRequest,
  ExecInstanceResponse as ExecResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { fromServiceError } from "../../../services/common/errors/status.ts";
import type { Cli } from "../cli.ts";
import { ExitCode, UsageError } from "../exit-codes.ts";
import { errorText } from "../output/error.ts";
import { parseInstancesOr, type Target } from "../targets.ts";
import { splitAtDashes } from "../arguments.ts";
import { holdUntilDrained } from "./stream-end.ts";

interface Options {
  stdin?: boolean;
  tty?: boolean;
  user?: string;
  workdir?: string;
  env?: string[];
}

const STDIN_PART_BYTES = 256 * 1024;
const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function register(program: Command, cli: Cli): void {
  program
    .command("exec")
    .summary("run a command in an instance, or in a node of a cluster")
    .description(
      "Runs a command in an instance or a node; ends with its exit code (127: no such command, 128 + n: by signal n).\n" +
        "  gantry exec -it web -- sh\n  gantry exec node/dev-worker -- crictl ps\n" +
        "  tar -c site | gantry exec -i web -- tar -x -C /srv",
    )
    .argument("<words...>", "instance or node/name, then -- and the command")
    .option("-i, --stdin", "pass standard input on")
    .option("-t, --tty", "with a terminal")
    .option("-u, --user <user>", "user, user:group or ids")
    .option("-w, --workdir <path>", "working directory")
    .option("-e, --env <NAME=value>", "environment variable (repeatable)", collect)
    .action(async (words: string[], options: Options) => {
      const { names, programArguments } = splitAtDashes(words, process.argv);
      if (programArguments.length === 0)
        throw new UsageError("name the command behind --, as in: gantry exec web -- ls /");
      const [target, ...others] = parseInstancesOr(["node"], names, cli.project);
      if (target === undefined || others.length > 0) throw new UsageError("exec works on one instance, or one node");
      if (options.tty && !process.stdin.isTTY) throw new UsageError("--tty needs a terminal as standard input");
      process.exitCode = await exec(cli, target, programArguments, options).catch(notStarted);
    });
}

/** As shells say it: 127 where there is no such command, 126 where it cannot be run. */
function notStarted(error: unknown): number {
  if (!(error instanceof GantryError) || error.reason !== "COMMAND_NOT_STARTED") throw error;
  process.stderr.write(`error: ${errorText(error)}\n`);
  return /not found|no such file/i.test(error.message) ? 127 : 126;
}

/** `NAME=value`. */
function parseEnv(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new UsageError(`--env ${text}: write NAME=value`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** The messages of both are alike. */
async function open({ connection }: Cli, { kind }: Target): Promise<ClientDuplexStream<ExecRequest, ExecResponse>> {
  if (kind.singular !== "node") return connection.compute.execInstance(connection.metadata());
  const client = await connection.cluster();
  return client.execNode(connection.metadata());
}

async function exec(cli: Cli, target: Target, command: string[], options: Options): Promise<number> {
  const env = Object.fromEntries((options.env ?? []).map(parseEnv));
  const stream = await open(cli, target);
  return new Promise((resolve, reject) => {
    const send = (request: ExecRequest["input"]) => stream.write({ input: request });
    const size = () => ({ columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 });
    const start = {
      name: target.name,
      command,
      env,
      tty: options.tty ?? false,
      size: options.tty ? size() : undefined,
      user: options.user ?? "",
      workingDir: options.workdir ?? "",
      stdin: options.stdin ?? false,
    };
    let exitCode: number | undefined;
    const onResize = () => send({ $case: "resize", value: size() });
    const onInput = (data: Buffer) => {
      for (let offset = 0; offset < data.length; offset += STDIN_PART_BYTES) {
        const more = send({ $case: "stdin", value: data.subarray(offset, offset + STDIN_PART_BYTES) });
        if (!more) process.stdin.pause();
      }
    };
    const onEnd = () => send({ $case: "stdinClosed", value: true });
    const cancel = () => stream.cancel();
    const finish = () => {
      process.stdin.off("data", onInput).off("end", onEnd);
      process.stdout.off("resize", onResize);
      cli.signal.removeEventListener("abort", cancel);
      if (options.tty) process.stdin.setRawMode(false);
      process.stdin.pause();
    };
    stream.on("drain", () => process.stdin.resume());
    stream.on("data", ({ output }: ExecResponse) => {
      switch (output?.$case) {
        case "started":
          if (options.stdin) process.stdin.on("data", onInput).on("end", onEnd).resume();
          break;
        case "stdout":
          if (!process.stdout.write(output.value)) holdUntilDrained(stream, process.stdout);
          break;
        case "stderr":
          if (!process.stderr.write(output.value)) holdUntilDrained(stream, process.stderr);
          break;
        case "exitCode":
          exitCode = output.value;
          stream.end();
          break;
        default:
      }
    });
    stream.on("error", (error) => {
      finish();
      if (exitCode === undefined) reject(fromServiceError(error as Parameters<typeof fromServiceError>[0]));
      else resolve(exitCode);
    });
    stream.on("end", () => {
      finish();
      resolve(exitCode ?? ExitCode.unavailable);
    });
    cli.signal.addEventListener("abort", cancel);
    if (options.tty) {
      process.stdin.setRawMode(true);
      process.stdout.on("resize", onResize);
    }
    send({ $case: "start", value: start });
  });
}
