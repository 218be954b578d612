import type { Node, NodePort } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Violations } from "../../common/names/violations.ts";
import { checkHostPorts, type HostPort } from "./check-ports.ts";
import { enginePorts, isKernelPort, isSamePort } from "./published-ports.ts";

type Before = Pick<Node, "spec" | "reservation">;

/** What a change of a running node's ports cannot do: the engine's are its container's. */
export function checkPortChange(found: Violations, before: Before, ports: readonly NodePort[], path: string): void {
  const engines = enginePorts(before);
  for (const port of engines) {
    if (ports.some((each) => isEqual(each, port))) continue;
    const text = `port ${port.hostPort}/${port.protocol} of ${port.hostIp} cannot be taken away or changed: it is published with the node's container`;
    found.add(path, text);
  }
  for (const [i, port] of ports.entries()) {
    const good = isKernelPort(port) || engines.some((each) => isEqual(each, port));
    found.check(good, `${path}[${i}].host_ip`, "is no IPv4 address: others only when the node is made");
  }
  checkHostPorts(
    found,
    ports.map((port, i) => ({ ...port, field: `${path}[${i}].host_port` })),
  );
}

/** Ports that the node is to have, and had not. */
export function addedPorts({ reservation, spec: was }: Before, { spec }: Pick<Node, "spec">): HostPort[] {
  const had = [...(was?.ports ?? []), ...(reservation?.ports ?? [])];
  return (spec?.ports ?? []).flatMap((port, i) =>
    had.some((each) => isSamePort(port, each)) ? [] : [{ ...port, field: `node.spec.ports[${i}].host_port` }],
  );
}

function isEqual(a: NodePort, b: NodePort): boolean {
  return a.hostIp === b.hostIp && a.hostPort === b.hostPort && a.port === b.port && a.protocol === b.protocol;
}
