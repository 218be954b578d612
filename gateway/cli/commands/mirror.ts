import type { Command } from "commander";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { FrameFailed, MirrorClient } from "../../mirror/client.ts";
import type { Json } from "../../mirror/merge-patch.ts";
import type { MirrorFrame, Op, ReplicaItem } from "../../mirror/replica.ts";
import type { Cli } from "../cli.ts";
import { caOf } from "../config/contexts.ts";
import { connectionProblem } from "../output/connection-error.ts";
import { oneLine } from "../output/table.ts";
import { shortState } from "./watch.ts";

/** `default`, `projects/default`, `hosts/h1`, `realm`, `operations`, `projects/p/mirrors/m`, or `mirrors/m` of the project. */
export function mirrorName(word: string, project: string): string {
  if (["realm", "operations"].includes(word)) return word;
  if (word.startsWith("mirrors/")) return `projects/${project}/${word}`;
  return word.includes("/") ? word : `projects/${word}`;
}

export function register(program: Command, cli: Cli): void {
  program
    .command("mirror")
    .summary("the live stream of a mirror, over WebSocket")
    .description(
      "Shows the whole state of a mirror and then every change, until Ctrl-C; goes on by itself when the connection is lost.\n" +
        "  gantry mirror                    the project\n  gantry mirror hosts/rack1-07     a host\n" +
        "  gantry mirror realm              everything (realm admins)\n  gantry mirror operations         work under way\n" +
        "  gantry mirror mirrors/mine       a mirror that was added to the project",
    )
    .argument("[name]", "mirror, or a project's id (default: the project)")
    .option("--frames", "the frames as they come, one JSON object a line")
    .option("--once", "print the whole state and end")
    .action(async (word: string | undefined, options: { frames?: boolean; once?: boolean }) => {
      const json = cli.lineFormat === "json";
      await follow(cli, mirrorName(word ?? cli.project, cli.project), options.once ?? false, (frame) => {
        if (options.frames || json) cli.print(JSON.stringify(frame));
        else for (const line of frameLines(frame)) cli.print(line);
      });
    });
}

async function follow(cli: Cli, mirror: string, once: boolean, show: (frame: MirrorFrame) => void): Promise<void> {
  const { context } = cli;
  const client = new MirrorClient({
    url: context.gateway.replace(/^http/, "ws"),
    mirror,
    token: () => cli.context.token,
    ca: caOf(context),
    signal: cli.signal,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let connected = false;
  client.on("failed", reject);
  client.on("mismatch", (error) => notice(`the state did not fit (${error.message}): fetching it anew`));
  client.on("closed", ({ code, reason, retryMs }) => {
    const why = connectionProblem(reason || `WebSocket close code ${code}`);
    if (retryMs === undefined) {
      if (cli.signal.aborted || once) resolve();
      else reject(new Error(`the gateway ended the connection: ${why}`));
      // Rather a clear "no answer" than a long silence; what was there once is waited for.
    } else if (!connected) reject(new Error(why));
    else notice(`connection lost (${why}): trying again in ${(retryMs / 1000).toFixed(1)} s`);
  });
  client.on("frame", (frame) => {
    connected = true;
    show(frame);
  });
  client.on("synced", () => {
    if (once) client.close();
  });
  // The promise of the first state tells nothing that the events do not.
  client.start().catch(reject);
  try {
    await promise;
  } catch (error) {
    if (!cli.signal.aborted) throw asGantryError(error);
  } finally {
    client.close();
  }
}

const notice = (text: string) => process.stderr.write(`${oneLine(text)}\n`);

function asGantryError(error: unknown): unknown {
  if (error instanceof GantryError) return error;
  if (error instanceof FrameFailed) {
    const info = error.status.details.find((detail) => typeof detail.reason === "string");
    return new GantryError(error.status.code as Code, error.message, { reason: info?.reason ?? "UNKNOWN" });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new GantryError(Code.UNAVAILABLE, message, { reason: "MIRROR_ENDED", cause: error });
}

function frameLines(frame: MirrorFrame): string[] {
  switch (frame.t) {
    case "snapshot":
      return frame.items.map((item) => oneLine(`= ${item.k} ${summary(item.d)}`.trimEnd()));
    case "synced":
      return [`-- whole at ${frame.s}, digest ${frame.digest}`];
    case "delta":
      return frame.ops.map((op) => oneLine(opLine(op)));
    case "origin":
      return [oneLine(`-- ${frame.name} is ${frame.state}${frame.message ? `: ${frame.message}` : ""}`)];
    case "resumed":
      return [`-- resumed at ${frame.s}`];
    case "bookmark":
      return [];
  }
}

function opLine(op: Op): string {
  if (op.op === "del") return `- ${op.k}`;
  if (op.op === "put") return `+ ${op.k} ${summary(op.d)}`.trimEnd();
  return `~ ${op.k} ${JSON.stringify(op.p)}`;
}

/** The state, for kinds that have one. */
function summary(data: ReplicaItem["d"]): string {
  const field = (value: Json | undefined, name: string): Json | undefined =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? value[name] : undefined;
  const operation = field(field(data, "operation"), "metadata");
  const parts = operation
    ? [field(operation, "verb"), field(operation, "target"), field(operation, "state"), field(operation, "step")]
    : [field(field(data, "status"), "state") ?? field(data, "state")];
  return shortState(parts.filter((part) => typeof part === "string").join(" "));
}
