import type { Command } from "commander";
import { EventType, type Event, OriginStatus, type WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { codec, typeNameOf } from "../../../services/common/codec/codec.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { oneLine } from "../output/table.ts";
import { isCalled, resourceKinds } from "../resources.ts";
import { kubernetesKinds } from "../resources/kubernetes.ts";
import { suggestion } from "../suggest.ts";
import { holdUntilDrained, streamEnd } from "./stream-end.ts";

interface Options {
  prefix?: string;
  selector?: string;
  observations?: boolean;
}

/** What the compute service observes and does not keep: see the messages of the same names in its protos. */
const observedKinds = ["Container", "Image", "EngineNetwork", "EngineVolume", "HostUsage", "InstanceUsage"];

export function register(program: Command, cli: Cli): void {
  program
    .command("watch")
    .summary("changes as they happen")
    .description(
      "Shows what is there and then changes as they happen, until Ctrl-C; -o json prints one object a line:\n" +
        "  gantry watch instances\n  gantry watch containers --prefix docker/rack1-07/\n  gantry watch hosts operations -o json\n" +
        "  gantry watch clusters nodes pods",
    )
    .argument("[kinds...]", `kinds, all of one service; none: all of compute (observed: ${observedKinds.join(", ")})`)
    .option("--prefix <name>", "only names that begin so")
    .option("-l, --selector <labels>", "only those that match a label selector")
    .option("--observations", "what the engine has too (containers, images, networks, volumes)")
    .action(async (words: string[], options: Options) => {
      const json = cli.lineFormat === "json";
      const wanted = words.map(kindOf);
      const kinds = wanted.map(({ kind }) => kind);
      const service = serviceOf(wanted);
      const { connection } = cli;
      const request = {
        kinds,
        namePrefix: options.prefix ?? "",
        labelSelector: options.selector ?? "",
        logId: "",
        since: 0n,
        observations: options.observations ?? wanted.some(({ observed }) => observed),
      };
      const stream = await connection.watch(service, request);
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

interface WatchedKind {
  /** As in events. */
  kind: string;
  service: "compute" | "cluster";
  observed: boolean;
}

/** `Instance` for `instances`, `Container` for `containers` or `container`. */
export function kindOf(word: string): WatchedKind {
  const resource = resourceKinds.find((kind) => isCalled(kind, word));
  if (resource) return { kind: resource.kind, service: resource.service, observed: false };
  const ofClusters = kubernetesKinds.find((kind) => isCalled(kind, word) || kind.kind === word);
  if (ofClusters) return { kind: ofClusters.kind, service: "cluster", observed: true };
  const known = [...[...resourceKinds, ...kubernetesKinds].map((kind) => kind.kind), ...observedKinds];
  const wanted = word.toLowerCase();
  const found = known.find((kind) => [kind.toLowerCase(), `${kind.toLowerCase()}s`].includes(wanted));
  const same = resourceKinds.find((kind) => kind.kind === found);
  if (found) return { kind: found, service: same?.service ?? "compute", observed: observedKinds.includes(found) };
  throw new UsageError(`no kind is called "${word}"${suggestion(word, known)}\nKinds: ${known.join(", ")}`);
}

/** Each service shows what is its own. */
function serviceOf(kinds: readonly WatchedKind[]): string {
  const services = new Set(kinds.filter(({ kind }) => kind !== "Operation").map(({ service }) => service));
  if (services.size > 1)
    throw new UsageError(
      "these kinds are of two services: watch each of them by itself, or gantry mirror all of a project",
    );
  return [...services][0] ?? "compute";
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
