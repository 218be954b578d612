import { hash } from "node:crypto";
import type { OperationRecord } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import type {
  ListOperationsRequest,
  ListOperationsResponse,
  Operation,
} from "../../../../proto/gen/google/longrunning/operations.ts";
import { invalidArgument } from "../../errors/errors.ts";
import { isId } from "../../names/ids.ts";
import { coercePageSize } from "../../names/page-size.ts";
import type { Store } from "../../store/api.ts";
import { operationKind } from "../kind.ts";
import { operationOf, readMetadata } from "../metadata.ts";

/** Pages of the store read for one page of the answer: where few match, a page may be short or empty and still have a next one (AIP-158). */
const STORE_PAGES_MAX = 20;
const DIGEST_CHARS = 12;

const ALL_PROJECTS = "projects/-";

/**
 * Id of the project whose operations are listed; empty for the other two lists. The name is the parent of operations (AIP-151), so the realm's
 * own, `operations/...`, have the empty name for their list; `projects/-` (AIP-159) stands for all projects that the caller may see.
 */
export function projectOfList(name: string): string {
  if (name === "" || name === ALL_PROJECTS) return "";
  const [collection, project, ...rest] = name.split("/");
  if (collection === "projects" && project !== undefined && isId(project) && rest.length === 0) return project;
  throw invalidArgument([
    { field: "name", description: `is neither empty, nor ${ALL_PROJECTS}, nor of the form projects/{project}` },
  ]);
}

/** `visible`: ids of the projects that the caller may see, for `projects/-`. */
export async function listOperations(
  store: Store,
  request: ListOperationsRequest,
  visible: "all" | ReadonlySet<string>,
): Promise<ListOperationsResponse> {
  const prefixes = prefixesOf(request.name, visible);
  const matches = parseFilter(request.filter);
  const pageSize = coercePageSize(request.pageSize);
  const digest = hash("sha256", JSON.stringify([request.name, request.filter.trim()]), "base64url").slice(
    0,
    DIGEST_CHARS,
  );
  let { at, pageToken } = openToken(request.pageToken, digest, prefixes);
  const operations: Operation[] = [];
  for (let pages = 0; pages < STORE_PAGES_MAX && operations.length === 0 && at < prefixes.length; pages += 1) {
    const options = { prefix: prefixes[at]!, pageSize, ...(pageToken === "" ? {} : { pageToken }) };
    const page = await store.list(operationKind, options);
    operations.push(...page.items.filter(matches).map(operationOf));
    pageToken = page.nextPageToken;
    if (pageToken === "") at += 1;
  }
  const nextPageToken = at < prefixes.length ? `${digest}${prefixes[at]!}${END}${pageToken}` : "";
  return { operations, nextPageToken: Buffer.from(nextPageToken).toString("base64url"), unreachable: [] };
}

/**
 * Of the names to list, one after the other. Who may not see all projects gets theirs one by one: no page token then tells of what lies
 * between.
 */
function prefixesOf(name: string, visible: "all" | ReadonlySet<string>): string[] {
  if (projectOfList(name) === "" && name !== ALL_PROJECTS) return ["operations/"];
  if (name !== ALL_PROJECTS) return [`${name}/operations/`];
  if (visible === "all") return ["projects/"];
  return [...visible].map((project) => `projects/${project}/operations/`).toSorted();
}

/** In no prefix. */
const END = "\n";

/** The store binds its token to its list; the digest in front binds ours to name and filter too. */
function openToken(token: string, digest: string, prefixes: readonly string[]): { at: number; pageToken: string } {
  if (token === "") return { at: 0, pageToken: "" };
  const text = Buffer.from(token, "base64url").toString();
  const end = text.indexOf(END);
  const at = prefixes.indexOf(text.slice(DIGEST_CHARS, end));
  if (end !== -1 && at !== -1 && text.startsWith(digest)) return { at, pageToken: text.slice(end + 1) };
  throw invalidArgument([{ field: "page_token", description: "is not a token of this list with this filter" }]);
}

type Match = (record: OperationRecord) => boolean;

const TERMS: Record<string, (value: string) => Match | undefined> = {
  done: (value) =>
    value === "true" || value === "false" ? (record) => operationOf(record).done === (value === "true") : undefined,
  target: (value) => (record) => readMetadata(record).target === value,
  verb: (value) => (record) => readMetadata(record).verb === value,
};

/** Terms `done=true|false`, `target=<resource name>`, `verb=<verb>`, joined by AND; values may be in double quotes. */
function parseFilter(filter: string): Match {
  if (filter.trim() === "") return () => true;
  const matches = filter.split(/\s+AND\s+/).map((term) => {
    const parts = /^\s*(\w+)\s*=\s*(?:"([^"]*)"|([^\s"]+))\s*$/.exec(term);
    const field = parts?.[1] ?? "";
    const match = Object.hasOwn(TERMS, field) ? TERMS[field]?.(parts?.[2] ?? parts?.[3] ?? "") : undefined;
    if (match) return match;
    throw invalidArgument([
      {
        field: "filter",
        description: `${JSON.stringify(term.trim())} is not done=true, done=false, target=… or verb=…`,
      },
    ]);
  });
  return (record) => matches.every((match) => match(record));
}
