import { status as Code } from "@grpc/grpc-js";
import { EventType, OriginStatus, type WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { KubernetesObject } from "../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import { deadlineExceeded, GantryError, notFound } from "../../../services/common/errors/errors.ts";
import { fromServiceError } from "../../../services/common/errors/status.ts";
import { formatEngineName } from "../../../services/common/names/engine-names.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { formatItems } from "../output/print.ts";
import { oneLine } from "../output/table.ts";
import type { KubernetesKind } from "../resources/kubernetes.ts";
import { projectOf } from "../resources/kind.ts";
import type { GetOptions } from "./get.ts";

const DEFAULT_NAMESPACE = "default";

interface Item {
  object?: KubernetesObject | undefined;
}

/** What the APIs of the project's clusters show of a kind, as the cluster service has observed it. */
export async function getKubernetes<T extends Item>(
  cli: Cli,
  kind: KubernetesKind<T>,
  names: readonly string[],
  options: GetOptions,
): Promise<void> {
  if (!kind.namespaced && options.namespace !== undefined) throw new UsageError(`${kind.plural} are in no namespace`);
  if (options.allProjects && options.namespace !== undefined)
    throw new UsageError("either --all-projects (-A) or --namespace");
  if (names.length > 0 && options.selector) throw new UsageError("--selector goes with a kind alone, without names");
  const namespace = kind.namespaced && !options.allProjects ? (options.namespace ?? DEFAULT_NAMESPACE) : undefined;
  const seen = await snapshot(cli, kind, options);
  const items = seen
    .filter(({ object }) => projectOf(object?.cluster ?? "") === cli.project)
    .filter(({ object }) => namespace === undefined || object?.namespace === namespace)
    .filter(({ object }) => names.length === 0 || names.includes(object?.name ?? ""))
    .toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const shown = [...(options.cluster ? [] : ["CLUSTER"]), ...(namespace === undefined ? ["NAMESPACE"] : [])];
  const missing = names.filter((name) => !items.some(({ object }) => object?.name === name));
  if (items.length > 0 || missing.length === 0) {
    const text = await formatItems(kind, items, cli.format, names.length === 1 && items.length === 1, shown);
    if (text !== "") cli.print(text);
  }
  const [first] = missing;
  if (first !== undefined)
    throw notFound(
      `${kind.singular} ${missing.join(", ")}${namespace === undefined ? "" : ` in namespace ${namespace}`}`,
    );
}

function sortKey({ object }: Item): string {
  return [object?.cluster, object?.namespace, object?.name].join("\n");
}

/** Everything of the kind that is known now. What is not fresh is said on standard error. */
async function snapshot<T>(cli: Cli, kind: KubernetesKind<T & Item>, options: GetOptions): Promise<(T & Item)[]> {
  const origin =
    options.cluster === undefined
      ? undefined
      : `kubernetes/${formatEngineName(cli.project, clusterId(options.cluster))}`;
  const timeout = AbortSignal.timeout(cli.callTimeoutMs);
  const stream = await cli.connection.watch("cluster", {
    kinds: [kind.kind],
    namePrefix: origin === undefined ? "kubernetes/" : `${origin}/`,
    labelSelector: options.selector ?? "",
    logId: "",
    since: 0n,
    observations: true,
  });
  const items = new Map<string, T & Item>();
  const stale = new Map<string, string>();
  const cancel = () => stream.cancel();
  const signal = AbortSignal.any([timeout, cli.signal]);
  signal.addEventListener("abort", cancel);
  let known = false;
  try {
    for await (const batch of stream as AsyncIterable<WatchResponse>) {
      for (const { origin: name, status, message } of batch.origins) {
        if (name === origin) known = true;
        if (status === OriginStatus.ORIGIN_STATUS_LIVE) stale.delete(name);
        else if (origin === undefined ? isOfProject(name, cli.project) : name === origin) stale.set(name, message);
      }
      for (const { type, name, object } of batch.events) {
        if (type === EventType.EVENT_TYPE_PUT && object) items.set(name, kind.message.decode(object.value));
        else items.delete(name);
      }
      if (batch.synced) break;
    }
  } catch (error) {
    if (timeout.aborted)
      throw deadlineExceeded(`the clusters' objects were not there within ${cli.callTimeoutMs / 1000} s`);
    throw fromServiceError(error as Parameters<typeof fromServiceError>[0]);
  } finally {
    signal.removeEventListener("abort", cancel);
    stream.cancel();
  }
  if (origin !== undefined && !known) {
    const message = `nothing is known of cluster ${options.cluster}: it does not exist, or its API has never answered`;
    throw new GantryError(Code.NOT_FOUND, message, { reason: "NOT_FOUND" });
  }
  for (const [name, message] of stale)
    process.stderr.write(`${oneLine(`${name} is not up to date: ${message || "no word from its API yet"}`)}\n`);
  return [...items.values()];
}

/** Whether it is the origin of a cluster of the project. */
function isOfProject(origin: string, project: string): boolean {
  const [service, engineName = ""] = origin.split("/");
  const id = engineName.slice(engineName.indexOf(".") + 1);
  return service === "kubernetes" && engineName === formatEngineName(project, id);
}

/** Of a full name too. */
function clusterId(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
