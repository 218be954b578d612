import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { parseAllDocuments } from "yaml";
import { codec } from "../../../services/common/codec/codec.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { findKind } from "../resources.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { isKindConfig, type KindConfig, readNamedKindConfig } from "../kind-config/kind-config.ts";
import { applyCluster, applyKindConfig } from "./apply-cluster.ts";
import { applyInstance } from "./apply-instance.ts";
import { applyNode } from "./update-node.ts";
import { applyMirror, applyProject } from "./apply-simple.ts";
import { readText } from "./instance-options.ts";

export interface Wanted {
  kind: ResourceKind<unknown>;
  name: string;
  /** The document as ProtoJSON, without `kind`. */
  json: { meta?: Record<string, unknown>; spec?: Record<string, unknown> };
  bytes: Uint8Array;
}

export interface ApplyOptions {
  dryRun: boolean;
}

interface Read {
  wanted: Wanted[];
  /** Documents that are kind's. */
  kindConfigs: KindConfig[];
}

const appliers: Record<string, (cli: Cli, wanted: Wanted, options: ApplyOptions) => Promise<void>> = {
  instance: applyInstance,
  cluster: applyCluster,
  node: applyNode,
  project: applyProject,
  mirror: applyMirror,
};
// A project before what lives in it.
const order = ["project", "instance", "cluster", "node", "mirror"];

export function register(program: Command, cli: Cli): void {
  program
    .command("apply")
    .summary("bring resources in line with files")
    .description(
      "Creates what is not there and changes what differs. A file has documents of kind (instance, cluster, node,\n" +
        "project, mirror), meta.name and spec, in YAML or JSON, as gantry get -o yaml shows them, or a configuration of kind:\n" +
        "  kind: instance\n  meta: { name: web, labels: { tier: front } }\n  spec: { image: nginx, memoryBytes: '268435456' }",
    )
    .requiredOption(
      "-f, --filename <file>",
      "file, or - for standard input (repeatable)",
      (value: string, all: string[] = []) => [...all, value],
    )
    .option("--dry-run", "check everything, change nothing")
    .action(async (options: { filename: string[]; dryRun?: boolean }) => {
      const { wanted, kindConfigs } = readWanted(options.filename, cli.project);
      const sorted = wanted.toSorted((a, b) => order.indexOf(a.kind.singular) - order.indexOf(b.kind.singular));
      const how = { dryRun: options.dryRun ?? false };
      for (const one of sorted) await appliers[one.kind.singular]?.(cli, one, how);
      for (const config of kindConfigs) await applyKindConfig(cli, config, how);
    });
}

/** Every document of every file checked before the first is applied, every problem reported at once. */
function readWanted(files: readonly string[], project: string): Read {
  const problems: string[] = [];
  const wanted: Wanted[] = [];
  const kindConfigs: Read["kindConfigs"] = [];
  for (const file of files) {
    parseAllDocuments(readText(file)).forEach((document, index) => {
      const where = `${file}, document ${index + 1}`;
      if (document.errors.length > 0)
        problems.push(...document.errors.map((error) => `${where}: ${error.message.trim()}`));
      else if (document.contents !== null) {
        const value: unknown = document.toJS({ maxAliasCount: 100 });
        const result = isKindConfig(value) ? readNamedKindConfig(value) : readDocument(value, project);
        if (Array.isArray(result)) problems.push(...result.map((problem) => `${where}: ${problem}`));
        else if ("bytes" in result) wanted.push(result);
        else kindConfigs.push(result);
      }
    });
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  if (wanted.length + kindConfigs.length === 0) throw new UsageError(`nothing to apply in ${files.join(", ")}`);
  return { wanted, kindConfigs };
}

function readDocument(value: unknown, project: string): Wanted | string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return ["not a resource: an object with kind, meta and spec is needed"];
  const { kind: kindWord, ...json } = value as { kind?: unknown; meta?: { name?: unknown } };
  const known = Object.keys(appliers);
  const word = typeof kindWord === "string" ? kindWord.toLowerCase() : "";
  if (!known.includes(word))
    return [
      kindWord === undefined
        ? `kind is missing: one of ${known.join(", ")}`
        : `kind is ${JSON.stringify(kindWord)}; it can be ${known.join(", ")}`,
    ];
  const kind = findKind(word) as ResourceKind<unknown>;
  const id = json.meta?.name;
  if (typeof id !== "string" || id === "") return ["meta.name is missing"];
  const name = kind.fullName(id, project);
  const full = { ...json, meta: { ...json.meta, name } };
  try {
    return { kind, name, json: full as Wanted["json"], bytes: codec.fromJson(kind.typeName, full) };
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    return error.violations.length > 0 ? error.violations.map((v) => `${v.field}: ${v.description}`) : [error.message];
  }
}

/** Names of the spec's fields (proto form, `spec.stop_timeout`) that are given and differ from what is there. */
export function changedSpecFields(wanted: Wanted, current: unknown): string[] {
  const currentSpec = ((current as { spec?: Record<string, unknown> }).spec ?? {}) as Record<string, unknown>;
  // Through the codec, so that `"5"` and 5 are the same.
  const given = (codec.toJson(wanted.kind.typeName, wanted.bytes) as { spec?: Record<string, unknown> }).spec ?? {};
  return Object.keys(given)
    .filter((key) => stable(given[key]) !== stable(currentSpec[key]))
    .map((key) => `spec.${key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`);
}

/** Names of the given parts of `meta` that differ. */
export function changedMetaFields(wanted: Wanted, current: unknown): string[] {
  const currentMeta = ((current as { meta?: Record<string, unknown> }).meta ?? {}) as Record<string, unknown>;
  return ["labels", "annotations"]
    .filter(
      (key) =>
        wanted.json.meta?.[key] !== undefined && stable(wanted.json.meta[key]) !== stable(currentMeta[key] ?? {}),
    )
    .map((key) => `meta.${key}`);
}

function stable(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ""
  );
}

export function newRequestId(): string {
  return randomUUID();
}

export async function getOrUndefined<T>(kind: ResourceKind<T>, cli: Cli, name: string): Promise<T | undefined> {
  try {
    return await kind.get(cli.connection, name);
  } catch (error) {
    if (error instanceof GantryError && error.reason === "NOT_FOUND") return undefined;
    throw error;
  }
}
