import { UsageError } from "./exit-codes.ts";
import { findKind, isCalled, resourceKinds } from "./resources.ts";
import type { ResourceKind } from "./resources/kind.ts";

export interface Target {
  // oxlint-disable-next-line typescript/no-explicit-any -- the items are used only through their own kind
  kind: ResourceKind<any>;
  name: string;
}

/** `instance web db`, `instance/web host/h1`, or full names (`projects/p/instances/web`), as kubectl takes them. */
export function parseTargets(words: readonly string[], project: string): Target[] {
  const [first, ...rest] = words;
  if (first === undefined) throw new UsageError("name a resource, for example: instance web");
  if (first.includes("/")) return words.map((word) => parseOne(word, project));
  const kind = findKind(first);
  const slashed = rest.find(
    (word) => word.includes("/") && !word.startsWith("projects/") && !word.startsWith("hosts/"),
  );
  if (slashed) throw new UsageError(`"${slashed}": name a kind either once in front or before each name, not both`);
  return rest.map((id) => ({ kind, name: kind.fullName(id, project) }));
}

function parseOne(word: string, project: string): Target {
  const parts = word.split("/");
  if ((parts.length === 4 || parts.length === 6) && parts[0] === "projects")
    return { kind: findKind(parts.at(-2) ?? ""), name: word };
  if (parts.length === 2 && (parts[0] === "hosts" || parts[0] === "projects"))
    return { kind: findKind(parts[0]), name: word };
  const [kindWord, id] = parts;
  if (parts.length !== 2 || !kindWord || !id) throw new UsageError(`"${word}" is not kind/name`);
  const kind = findKind(kindWord);
  return { kind, name: kind.fullName(id, project) };
}

/** Targets of a command that works on instances and `others` (singular): a bare word is an instance. */
export function parseInstancesOr(others: readonly string[], words: readonly string[], project: string): Target[] {
  const [first = "", second] = words;
  const kinds = resourceKinds.filter((kind) => others.includes(kind.singular));
  const other = second !== undefined && kinds.find((kind) => isCalled(kind, first));
  const slashed = first.includes("/");
  if (!other && !slashed) return parseTargets(["instance", ...parseInstances(words, project)], project);
  const targets = parseTargets(words, project);
  const wrong = targets.find(({ kind }) => kind.singular !== "instance" && !kinds.includes(kind));
  const able = ["instances", ...kinds.map((kind) => kind.plural)].join(" and ");
  if (wrong) throw new UsageError(`${wrong.kind.plural} cannot do that, only ${able}`);
  return targets;
}

/** Targets of a command that works on instances alone: a bare word is an instance. */
export function parseInstances(words: readonly string[], project: string): string[] {
  const [first, ...rest] = words;
  if (first === undefined) throw new UsageError("name an instance");
  const bare = !first.includes("/") && !isInstanceWord(first);
  const targets = bare ? parseTargets(["instance", ...words], project) : parseTargets(words, project);
  const other = targets.find((target) => target.kind.singular !== "instance");
  if (other) throw new UsageError(`${other.kind.plural} cannot do that, only instances`);
  if (targets.length === 0 && rest.length === 0) throw new UsageError("name an instance");
  return targets.map((target) => target.name);
}

function isInstanceWord(word: string): boolean {
  return word === "instance" || word === "instances";
}

/** The cluster in front, `cluster dev` or `cluster/dev`, and the words behind it. */
export function parseClusterAnd(words: readonly string[], project: string): { name: string; rest: string[] } {
  const [first = ""] = words;
  const count = first.includes("/") ? 1 : 2;
  const [target] = parseTargets(words.slice(0, count), project);
  if (target?.kind.singular !== "cluster") throw new UsageError("name a cluster, as in: cluster dev");
  return { name: target.name, rest: words.slice(count) };
}

/** One cluster and nothing else. */
export function parseCluster(words: readonly string[], project: string): string {
  const { name, rest } = parseClusterAnd(words, project);
  if (rest.length > 0) throw new UsageError("name one cluster");
  return name;
}
