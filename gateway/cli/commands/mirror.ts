import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { FrameFailed, MirrorClient } from "../../mirror/client.ts";
import type { Json } from "../../mirror/merge-patch.ts";
import type { MirrorFrame, Op, ReplicaItem } from "../../mirror/replica.ts";
import type { Cli } from "../cli.ts";
import { oneLine } from "../output/table.ts";

/** `default`, `projects/default`, `hosts/h1`, `realm`, `operations`, `projects/p/mirrors/m`, or `mirrors/m` of the project. */
export function mirrorName(word: string, project: string): string {
  if (["realm", "operations"].includes(word)) return word;
  if (word.startsWith("mirrors/")) return `projects/${project}/${word}`;
  return word.includes("/") ? word : `projects/${word}`;
}

export function register(program: Command, cli: Cli): void {
  program
    .command("mirror")
    .description(
      "the live stream of a mirror: gantry mirror default, mirror realm, mirror hosts/h1, mirror mirrors/mine",
    )
    .argument("[name]", "mirror, or a project's id", "default")
    .option("--frames", "the frames as they come, one JSON object a line")
    .option("--once", "print the whole state and end")
    .action(async (word: string, options: { frames?: boolean; once?: boolean }) => {
      const { context } = cli;
      const name = mirrorName(word === "default" ? cli.project : word, cli.project);
      const client = new MirrorClient({
        url: context.gateway.replace(/^http/, "ws"),
        mirror: name,
        token: () => cli.context.token,
        ca: readFileSync(context.ca),
        signal: cli.signal,
      });
      const end = Promise.withResolvers<void>();
      client.on("failed", (error) => end.reject(asGantryError(error)));
      client.on("mismatch", (error) => notice(`the state did not fit (${error.message}): fetching it anew`));
      client.on("closed", ({ code, reason, retryMs }) => {
        if (retryMs === undefined) {
          if (cli.signal.aborted || options.once) end.resolve();
          else end.reject(asGantryError(new Error(`the gateway ended the connection: ${code} ${reason}`)));
        } else notice(`connection lost (${reason || code}): trying again in ${(retryMs / 1000).toFixed(1)} s`);
      });
      client.on("frame", (frame) => {
        if (options.frames || cli.format === "json") cli.print(JSON.stringify(frame));
        else for (const line of frameLines(frame)) cli.print(line);
      });
      client.on("message", (frame) => {
        if (options.frames) cli.print(JSON.stringify(frame));
      });
      client.on("synced", () => {
        if (options.once) client.close();
      });
      // `end` carries what goes wrong; so the promise of the first state needs no second handler.
      await Promise.all([client.start(), end.promise]).catch((error: unknown) => {
        client.close();
        if (!cli.signal.aborted) throw asGantryError(error);
      });
    });
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
  return parts.filter((part) => typeof part === "string").join(" ");
}
