import { coercePageSize } from "../../common/names/page-size.ts";
import type { CallContext } from "../../common/rpc/call.ts";
import type { Kind, Page, Resource, Store } from "../../common/store/api.ts";
import { isVisible } from "./access.ts";

interface ListRequest {
  pageSize: number;
  pageToken: string;
  labelSelector: string;
}

/** A page of what the caller may see; it may hold fewer than asked for where others' things lie between. */
export async function listVisible<T extends Resource>(
  store: Store,
  kind: Kind<T>,
  prefix: string,
  request: ListRequest,
  call: CallContext,
): Promise<Page<T>> {
  const page = await store.list(kind, {
    prefix,
    pageSize: coercePageSize(request.pageSize),
    ...(request.pageToken === "" ? {} : { pageToken: request.pageToken }),
    ...(request.labelSelector === "" ? {} : { labelSelector: request.labelSelector }),
  });
  return { ...page, items: page.items.filter((item) => isVisible(call, item.meta?.name ?? "")) };
}

/** `projects/-` to the prefix of names. */
export function prefixOf(parent: string, collection: string): string {
  return parent === "projects/-" ? "projects/" : `${parent}/${collection}/`;
}
