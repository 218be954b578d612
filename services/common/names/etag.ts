import { etagMismatch } from "../errors/errors.ts";

/** ABORTED when the caller gave an etag that is not the current one (AIP-154); empty means "whatever is there". */
export function checkEtag(name: string, given: string, current: string): void {
  if (given !== "" && given !== current) throw etagMismatch(name, current);
}
