import { hash } from "node:crypto";
import { invalidArgument } from "../../errors/errors.ts";

const DIGEST_BYTES = 9;

/** What a page token is bound to. */
export interface ListFilter {
  kind: string;
  prefix: string;
  /** In canonical form. */
  selector: string;
}

/** Opaque to clients: a digest of the list's filter, and the last name of the page. */
export function formatPageToken(filter: ListFilter, lastName: string): string {
  return Buffer.concat([digest(filter), Buffer.from(lastName)]).toString("base64url");
}

/**
 * The last name of the page before. INVALID_ARGUMENT when the token was given for another list, or is not one. Anyone can make a token: a
 * name outside of the list's prefix would lead to what the caller may not see.
 */
export function parsePageToken(filter: ListFilter, token: string): string {
  const bytes = Buffer.from(token, "base64url");
  const name = bytes.toString("utf8", DIGEST_BYTES);
  if (!bytes.subarray(0, DIGEST_BYTES).equals(digest(filter)) || name === "" || !name.startsWith(filter.prefix)) {
    throw invalidArgument([{ field: "page_token", description: "is not a token of this list with these options" }]);
  }
  return name;
}

function digest({ kind, prefix, selector }: ListFilter): Buffer {
  return hash("sha256", JSON.stringify([kind, prefix, selector]), "buffer").subarray(0, DIGEST_BYTES);
}
