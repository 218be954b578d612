import type { Command } from "commander";
import { EventType, type Event, OriginStatus, type WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import type { Cli } from "../cli.ts";
import { oneLine } from "../output/table.ts";
import { resourceKinds } from "../resources.ts";
import { streamEnd } from "./stream-end.ts";

interface Options {
  prefix?: string;
  selector?: string;
  observations?: boolean;
}

/** `Instance` for `instances`; other words (Container, HostUsage...) as they are. */
const kindOf = (word: string) =>
  resourceKinds.find((kind) => kind.singular === word || kind.plural === word || kind.aliases.includes(word))?.kind ??
  word;

export function register(program: Command, cli: Cli): void {
  program
    .command("watch")
    .description("changes of the compute service as they happen: gantry watch instances Container --observations")
    .argument("[kinds...]", "kinds; none: all")
    .option("--prefix <name>", "only names that begin so")
    .option("-l, --selector <labels>", "only those that match a label selector")
    .option("--observations", "the engine's containers, images, networks and volumes too")
    .action(async (kinds: string[], options: Options) => {
      const { connection } = cli;
      const request = {
        kinds: kinds.map(kindOf),
        namePrefix: options.prefix ?? "",
        labelSelector: options.selector ?? "",
        logId: "",
        since: 0n,
        observations: options.observations ?? false,
      };
      const stream = connection.compute.watch(request, connection.metadata());
      const json = cli.format === "json";
      stream.on("data", (batch: WatchResponse) => {
        if (batch.reset) cli.print(json ? '{"reset":true}' : "-- reset");
        for (const origin of batch.origins) {
          if (!json) cli.print(`-- ${origin.origin} ${statusName(origin.status)} ${oneLine(origin.message)}`.trimEnd());
        }
        for (const event of batch.events) cli.print(json ? JSON.stringify(eventJson(event)) : eventLine(event));
        if (batch.synced) cli.print(json ? '{"synced":true}' : "-- synced");
      });
      await streamEnd(stream, cli.signal);
    });
}

const statusName = (status: OriginStatus) =>
  (Object.keys(OriginStatus) as (keyof typeof OriginStatus)[])
    .find((key) => OriginStatus[key] === status)
    ?.slice("ORIGIN_STATUS_".length) ?? "";

function objectJson(event: Event): unknown {
  if (!event.object) return undefined;
  const typeName = event.object.typeUrl.slice(event.object.typeUrl.lastIndexOf("/") + 1);
  return codec.toJson(typeName, event.object.value, { redact: true });
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
  if (event.type !== EventType.EVENT_TYPE_PUT) return `- ${event.kind} ${oneLine(event.name)}`;
  const object = objectJson(event) as {
    status?: { state?: string };
    state?: string;
    operation?: { metadata?: Record<string, unknown> };
  };
  const metadata = object.operation?.metadata;
  const state = metadata
    ? `${String(metadata["verb"] ?? "")} ${String(metadata["state"] ?? "")} ${String(metadata["stepIndex"] ?? 0)}/${String(metadata["stepCount"] ?? 0)} ${String(metadata["step"] ?? "")}`
    : (object.status?.state ?? object.state ?? "");
  return oneLine(`+ ${event.kind} ${event.name} ${state}`.trimEnd());
}
