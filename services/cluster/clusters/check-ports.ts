import { isIP } from "node:net";
import type { NodePort } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Violations } from "../../common/names/violations.ts";
import { PORT_MAX, PORTS_MAX } from "./limits.ts";

const PROTOCOLS: readonly string[] = ["tcp", "udp", "sctp"];

/** With defaults filled in; what is wrong with each in itself. */
export function checkPorts(found: Violations, ports: readonly NodePort[], path: string): void {
  if (!found.check(ports.length <= PORTS_MAX, path, `has ${ports.length}; at most ${PORTS_MAX}`)) return;
  for (const [i, { hostIp, hostPort, port, protocol }] of ports.entries()) {
    const at = `${path}[${i}]`;
    found.check(isPort(port), `${at}.port`, `${port} is not a port, 1 to 65535`);
    const good = hostPort === 0 || isPort(hostPort);
    found.check(good, `${at}.host_port`, `${hostPort} is not a port, 1 to 65535, or 0 for any free one`);
    found.check(PROTOCOLS.includes(protocol), `${at}.protocol`, "is none of tcp, udp, sctp");
    found.check(isIP(hostIp) !== 0, `${at}.host_ip`, "is not an IP address");
  }
}

/** A port of the host, and whose it is to be. */
export interface HostPort extends Pick<NodePort, "hostIp" | "hostPort" | "protocol"> {
  /** Path of the field that asks for it. */
  field: string;
}

/** Ports of the host that two nodes (or a node and the API) ask for. */
export function checkHostPorts(found: Violations, wanted: readonly HostPort[]): void {
  const seen: HostPort[] = [];
  for (const port of wanted) {
    const other = port.hostPort === 0 ? undefined : seen.find((each) => portsClash(each, port));
    if (other)
      found.add(port.field, `port ${port.hostPort} of the host is asked for a second time (see ${other.field})`);
    seen.push(port);
  }
}

/** Whether two mappings need the same port of the host; an unspecified address takes it on every address of its family. */
export function portsClash(a: Omit<HostPort, "field">, b: Omit<HostPort, "field">): boolean {
  if (a.hostPort !== b.hostPort || a.protocol !== b.protocol) return false;
  if (isIP(a.hostIp) !== isIP(b.hostIp)) return false;
  return a.hostIp === b.hostIp || ANY.has(a.hostIp) || ANY.has(b.hostIp);
}

const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

function isPort(port: number): boolean {
  return port >= 1 && port <= PORT_MAX;
}
