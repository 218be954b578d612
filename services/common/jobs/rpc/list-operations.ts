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

/** `projects/<project>` lists the project's operations, an empty name those of the realm. */
export function projectOfList(name: string): string {
  if (name === "") return "";
  const [collection, project, ...rest] = name.split("/");
  if (collection === "projects" && project !== undefined && isId(project) && rest.length === 0) return project;
  throw invalidArgument([{ field: "name", description: "is neither empty nor of the form projects/{project}" }]);
}

export async function listOperations(store: Store, request: ListOperationsRequest): Promise<ListOperationsResponse> {
  const prefix = projectOfList(request.name) === "" ? "operations/" : `${request.name}/operations/`;
  const matches = parseFilter(request.filter);
  const pageSize = coercePageSize(request.pageSize);
  const digest = hash("sha256", request.filter.trim(), "base64url").slice(0, DIGEST_CHARS);
  let pageToken = openToken(request.pageToken, digest);
  const operations: Operation[] = [];
  for (let pages = 0; pages < STORE_PAGES_MAX && operations.length === 0; pages += 1) {
    const page = await store.list(operationKind, { prefix, pageSize, ...(pageToken === "" ? {} : { pageToken }) });
    operations.push(...page.items.filter(matches).map(operationOf));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  const nextPageToken = pageToken === "" ? "" : `${digest}${pageToken}`;
  return { operations, nextPageToken, unreachable: [] };
}

/** The store binds its token to the list; the digest in front binds ours to the filter too. */
function openToken(token: string, digest: string): string {
  if (token === "" || token.startsWith(digest)) return token.slice(DIGEST_CHARS);
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
