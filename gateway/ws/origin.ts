import type { IncomingHttpHeaders } from "node:http";

/**
 * Browsers send Origin, and let any page open a WebSocket to any address: only the gateway's own pages and those that the config names
 * may. What sends no Origin is not a browser. `secure`: the request came over TLS, where a page that did not is not our own.
 */
export function originAllowed(headers: IncomingHttpHeaders, allowed: readonly string[], secure: boolean): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  if (allowed.includes(origin)) return true;
  if (host === undefined || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  return url.host === host && (!secure || url.protocol === "https:");
}
