import type { Command } from "commander";
import { EventType, type Event, OriginStatus, type WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { codec, typeNameOf } from "../../../services/common/codec/codec.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { oneLine } from "../output/table.ts";
import { resourceKinds } from "../resources.ts";
import { suggestion } from "../suggest.ts";
import { holdUntilDrained, streamEnd } from "./stream-end.ts";

interface Options {
  prefix?: string;
  selector?: string;
  observations?: boolean;
}

/** What is observed, not kept: see the messages of the same names in the compute service's protos. */
const observedKinds = ["Container", "Image", "EngineNetwork", "EngineVolume", "HostUsage", "InstanceUsage"];

export function register(program: Command, cli: Cli): void {
  program
    .command("watch")
    .summary("changes of the compute service as they happen")
    .description(
      "Shows what is there and then changes as they happen, until Ctrl-C; -o json prints one object a line:\n" +
        "  gantry watch instances\n  gantry watch containers --prefix docker/rack1-07/\n  gantry watch hosts operations -o json",
    )
    .argument("[kinds...]", `kinds; none: all (observed: ${observedKinds.join(", ")})`)
    .option("--prefix <name>", "only names that begin so")
    .option("-l, --selector <labels>", "only those that match a label selector")
    .option("--observations", "what the engine has too (containers, images, networks, volumes)")
    .action(async (words: string[], options: Options) => {
      const json = cli.lineFormat === "json";
      const kinds = words.map(kindOf);
      const { connection } = cli;
      const request = {
        kinds,
        namePrefix: options.prefix ?? "",
        labelSelector: options.selector ?? "",
        logId: "",
        since: 0n,
        observations: options.observations ?? kinds.some((kind) => observedKinds.includes(kind)),
      };
      const stream = connection.compute.watch(request, connection.metadata());
      stream.on("data", (batch: WatchResponse) => {
        const lines: string[] = [];
        if (batch.reset) lines.push(json ? '{"reset":true}' : "-- reset");
        for (const origin of batch.origins) lines.push(json ? JSON.stringify(originJson(origin)) : originLine(origin));
        for (const event of batch.events) lines.push(json ? JSON.stringify(eventJson(event)) : eventLine(event));
        if (batch.synced) lines.push(json ? '{"synced":true}' : "-- synced");
        if (lines.length > 0 && !process.stdout.write(`${lines.join("\n")}\n`))
          holdUntilDrained(stream, process.stdout);
      });
      await streamEnd(stream, cli.signal);
    });
}

/** `Instance` for `instances`, `Container` for `containers` or `container`. */
export function kindOf(word: string): string {
  const resource = resourceKinds.find(
    (kind) => kind.singular === word || kind.plural === word || kind.aliases.includes(word),
  );
  if (resource) return resource.kind;
  const known = [...resourceKinds.map((kind) => kind.kind), ...observedKinds];
  const wanted = word.toLowerCase();
  const found = known.find((kind) => [kind.toLowerCase(), `${kind.toLowerCase()}s`].includes(wanted));
  if (found) return found;
  throw new UsageError(`no kind is called "${word}"${suggestion(word, known)}\nKinds: ${known.join(", ")}`);
}

type Origin = WatchResponse["origins"][number];

const statusName = (status: OriginStatus) =>
  (Object.keys(OriginStatus) as (keyof typeof OriginStatus)[])
    .find((key) => OriginStatus[key] === status)
    ?.slice("ORIGIN_STATUS_".length) ?? "";

const originLine = (origin: Origin) =>
  oneLine(`-- ${origin.origin} ${statusName(origin.status)} ${origin.message}`.trimEnd());

const originJson = (origin: Origin) => ({
  origin: origin.origin,
  status: statusName(origin.status),
  ...(origin.message === "" ? {} : { message: origin.message }),
});

function objectJson(event: Event): unknown {
  if (!event.object) return undefined;
  return codec.toJson(typeNameOf(event.object.typeUrl), event.object.value, { redact: true });
}

function eventJson(event: Event): unknown {
  const type = event.type === EventType.EVENT_TYPE_PUT ? "put" : "deleted";
  return {
    type,
    kind: event.kind,
    name: event.name,
    origin: event.origin,
    revision: String(event.revision),
    object: objectJson(event),
  };
}

function eventLine(event: Event): string {
  if (event.type !== EventType.EVENT_TYPE_PUT) return oneLine(`- ${event.kind} ${event.name}`);
  const object = objectJson(event) as {
    status?: { state?: string };
    state?: string;
    operation?: { metadata?: Record<string, unknown> };
  };
  const metadata = object.operation?.metadata;
  const state = metadata
    ? `${String(metadata["verb"] ?? "")} ${String(metadata["state"] ?? "")} ${String(metadata["stepIndex"] ?? 0)}/${String(metadata["stepCount"] ?? 0)} ${String(metadata["step"] ?? "")}`
    : (object.status?.state ?? object.state ?? "");
  return oneLine(`+ ${event.kind} ${event.name} ${shortState(state)}`.trimEnd());
}

/** `RUNNING` for INSTANCE_STATE_RUNNING. */
export function shortState(text: string): string {
  return text.replaceAll(/\b[A-Z]+_STATE_/g, "");
}
