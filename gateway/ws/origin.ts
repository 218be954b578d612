import type { IncomingHttpHeaders } from "node:http";

/**
 * Browsers send Origin, and let any page open a WebSocket to any address: only the gateway's own pages and those that the config names
 * may. What sends no Origin is not a browser.
 */
export function originAllowed(headers: IncomingHttpHeaders, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  if (allowed.includes(origin)) return true;
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}
