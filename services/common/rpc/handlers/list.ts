import { visibleProjects } from "../../auth/principal.ts";
import { invalidArgument } from "../../errors/errors.ts";
import { coercePageSize } from "../../names/page-size.ts";
import { parseSelector } from "../../names/selector.ts";
import type { CallContext } from "../call.ts";
import type { Kind, ListOptions, Page, Resource } from "../../store/api.ts";
import { formatPageToken, type ListFilter, parsePageToken } from "../../store/records/page-token.ts";
import type { StoreHandle } from "../../store/store.ts";

interface ListRequest {
  pageSize: number;
  pageToken: string;
  labelSelector: string;
}

/** Projects read for one page; a caller with more of them, mostly empty, gets short pages. */
const PROJECTS_READ_MAX = 100;
/** A page that has this much takes no further project: the store's own pages are at most as large, and both fit into a message. */
const PAGE_BYTES_MAX = 1024 * 1024;

/**
 * A page of what a parent has (`projects/<p>`, or `projects/-` for all the caller may see). NOT_FOUND when there is no such project, which
 * `needProject` tells.
 */
export async function listIn<T extends Resource>(
  store: StoreHandle,
  kind: Kind<T>,
  collection: string,
  request: ListRequest & { parent: string },
  call: CallContext,
  needProject: (name: string) => Promise<unknown>,
): Promise<Page<T>> {
  const visible = visibleProjects(call.principal);
  if (request.parent !== "projects/-") {
    const page = await store.list(kind, optionsOf(request, `${request.parent}/${collection}/`));
    // What is in a project tells that it is there.
    if (page.items.length === 0) await needProject(request.parent);
    return page;
  }
  if (visible === "all") return store.list(kind, optionsOf(request, "projects/"));
  return listOwn(store, kind, request, visible, (project, rest) =>
    store.list(kind, optionsOf(rest, `projects/${project}/${collection}/`)),
  );
}

/** A page of the projects the caller may see. */
export function listProjectsOf<T extends Resource>(
  store: StoreHandle,
  kind: Kind<T>,
  request: ListRequest,
  call: CallContext,
): Promise<Page<T>> {
  const visible = visibleProjects(call.principal);
  if (visible === "all") return store.list(kind, optionsOf(request, "projects/"));
  const selects = parseSelector(request.labelSelector);
  return listOwn(store, kind, request, visible, async (project) => {
    const found = await store.get(kind, `projects/${project}`);
    return { items: found && selects(found.meta!.labels) ? [found] : [], nextPageToken: "" };
  });
}

type ReadProject<T> = (project: string, rest: ListRequest) => Promise<Pick<Page<T>, "items" | "nextPageToken">>;

/** Project after project, so that neither the number of items nor the token of a page tells what others have. */
async function listOwn<T extends Resource>(
  store: StoreHandle,
  kind: Kind<T>,
  request: ListRequest,
  visible: ReadonlySet<string>,
  read: ReadProject<T>,
): Promise<Page<T>> {
  const pageSize = coercePageSize(request.pageSize);
  const filter = { kind: kind.name, prefix: "", selector: parseSelector(request.labelSelector).canonical };
  // As names are ordered: what follows a project's id in them is "/".
  const projects = [...visible].toSorted((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
  let { at, inner } = openToken(projects, filter, request.pageToken);
  // Before the first read: who watches from here misses nothing.
  const { revision, logId } = await store.position();
  const items: T[] = [];
  let bytes = 0;
  for (let reads = 0; at < projects.length; reads += 1) {
    const full = items.length >= pageSize || bytes >= PAGE_BYTES_MAX || reads >= PROJECTS_READ_MAX;
    if (full || (inner !== "" && reads > 0)) break;
    const page = await read(projects[at]!, { ...request, pageSize: pageSize - items.length, pageToken: inner });
    for (const item of page.items) bytes += kind.message.encode(item).finish().length;
    items.push(...page.items);
    inner = page.nextPageToken;
    if (inner === "") at += 1;
  }
  const nextPageToken = at < projects.length ? `${formatPageToken(filter, projects[at]!)}.${inner}` : "";
  return { items, nextPageToken, revision: BigInt(revision), logId };
}

/** A token that names the project, a dot, and the token of the list of that project. */
function openToken(projects: readonly string[], filter: ListFilter, token: string): { at: number; inner: string } {
  if (token === "") return { at: 0, inner: "" };
  const dot = token.indexOf(".");
  const at = dot === -1 ? -1 : projects.indexOf(parsePageToken(filter, token.slice(0, dot)));
  if (at !== -1) return { at, inner: token.slice(dot + 1) };
  throw invalidArgument([{ field: "page_token", description: "is not a token of this list with these options" }]);
}

export function optionsOf({ pageSize, pageToken, labelSelector }: ListRequest, prefix: string): ListOptions {
  return {
    prefix,
    pageSize: coercePageSize(pageSize),
    ...(pageToken === "" ? {} : { pageToken }),
    ...(labelSelector === "" ? {} : { labelSelector }),
  };
}
