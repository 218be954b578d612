import type { JsonPatch } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Document } from "./documents.ts";
import { applyJsonPatch, type JsonOperation, parseJsonPatch } from "./json-patch.ts";
import { mergeInto } from "./merge-patch.ts";
import { parseDocuments } from "./parse-yaml.ts";

/** Those of the cluster, or of one node. */
export interface Patches {
  /** YAML documents. */
  merge: readonly string[];
  json: readonly JsonPatch[];
}

type MergePatch = Record<string, unknown> & { kind: string };

/** A patch that was read: the documents as it leaves them. Throws where it cannot be applied to one that it is for. */
export type Patch = (documents: readonly Document[]) => Document[];

/**
 * Documents as `patches` leave them: merge patches first, then RFC 6902, each in its order. As with kind, a patch is for the documents of its
 * kind; its `apiVersion` may be left out, or be of another version only when it is meant for that version alone.
 */
export function patchDocuments(documents: readonly Document[], patches: Patches): Document[] {
  const all = [...patches.merge.map(mergePatch), ...patches.json.map(jsonPatch)];
  return all.reduce<Document[]>((patched, patch) => patch(patched), [...documents]);
}

/** Of YAML documents. */
export function mergePatch(text: string): Patch {
  const parsed = parseMergePatch(text);
  return (documents) =>
    documents.map((document) => parsed.filter((patch) => isFor(patch, document)).reduce<Document>(merge, document));
}

export function jsonPatch(target: JsonPatch): Patch {
  const operations = parseJsonPatch(target.patch);
  return (documents) =>
    documents.map((document) => (isTarget(target, document) ? applyOperations(document, operations) : document));
}

/** What is wrong with one; empty: nothing. */
export function mergePatchProblem(text: string): string {
  return problemOf(() => parseMergePatch(text));
}

export function jsonPatchProblem(text: string): string {
  return problemOf(() => parseJsonPatch(text));
}

function problemOf(parse: () => unknown): string {
  try {
    parse();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

function parseMergePatch(text: string): MergePatch[] {
  const documents = parseDocuments(text);
  if (documents.length === 0) throw new Error("holds no document");
  return documents.map((document) => {
    if (!isMap(document)) throw new Error("is not a YAML mapping");
    if (typeof document["kind"] !== "string") throw new Error("names no kind");
    if (document["apiVersion"] !== undefined && typeof document["apiVersion"] !== "string")
      throw new Error("apiVersion is not a string");
    return document as MergePatch;
  });
}

function merge(document: Document, { kind: _kind, apiVersion: _apiVersion, ...changes }: MergePatch): Document {
  // Who a patch is for is no part of what it changes.
  return mergeInto(document, changes, document.apiVersion) as Document;
}

function applyOperations(document: Document, operations: readonly JsonOperation[]): Document {
  const patched = applyJsonPatch(document, operations);
  if (!isMap(patched) || patched["kind"] !== document.kind || patched["apiVersion"] !== document.apiVersion) {
    throw new Error(`a patch of ${document.kind} makes another kind or version of it`);
  }
  return patched as Document;
}

function isFor(patch: MergePatch, document: Document): boolean {
  if (patch.kind !== document.kind) return false;
  const wanted = patch["apiVersion"];
  if (typeof wanted !== "string" || wanted === "") return true;
  const [group, version] = split(wanted);
  const [ofGroup, ofVersion] = split(document.apiVersion);
  return group === ofGroup && (version === "" || version === ofVersion);
}

function isTarget({ group, version, kind }: JsonPatch, document: Document): boolean {
  const [ofGroup, ofVersion] = split(document.apiVersion);
  const fits = (wanted: string, found: string): boolean => wanted === "" || wanted === found;
  return fits(kind, document.kind) && fits(group, ofGroup) && fits(version, ofVersion);
}

/** `kubeadm.k8s.io/v1beta3`. */
function split(apiVersion: string): [group: string, version: string] {
  const [group = "", version = ""] = apiVersion.split("/");
  return [group, version];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
