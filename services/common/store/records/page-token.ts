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

/** The last name of the page before. INVALID_ARGUMENT when the token was given for another list, or is not one. */
export function parsePageToken(filter: ListFilter, token: string): string {
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length <= DIGEST_BYTES || !bytes.subarray(0, DIGEST_BYTES).equals(digest(filter))) {
    throw invalidArgument([{ field: "page_token", description: "is not a token of this list with these options" }]);
  }
  return bytes.toString("utf8", DIGEST_BYTES);
}

function digest({ kind, prefix, selector }: ListFilter): Buffer {
  return hash("sha256", JSON.stringify([kind, prefix, selector]), "buffer").subarray(0, DIGEST_BYTES);
}
