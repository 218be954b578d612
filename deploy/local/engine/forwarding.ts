import { readFileSync } from "node:fs";

const SETTING = "/proc/sys/net/ipv4/ip_forward";

/**
 * What a start of an engine changes in how this machine forwards packets; undefined: nothing. Every container engine turns it on, and nobody
 * can tell whether others rely on it later: it is left on.
 */
export function forwardingChange(): string | undefined {
  if (readFileSync(SETTING, "utf8").trim() === "1") return undefined;
  return "turn on IP forwarding (net.ipv4.ip_forward = 1, until the next reboot): containers reach the network through this host";
}
