import { ofAnotherRealm } from "../../../common/engine/labels.ts";
import { failedPrecondition } from "../../../common/errors/errors.ts";
import { type HostPort, portsClash } from "../../clusters/check-ports.ts";
import { portHolder } from "../../clusters/port-holder.ts";
import { checkDevices, checkRoom } from "../../clusters/check-room.ts";
import type { HostRoom } from "../../clusters/host-facts.ts";
import type { PlannedNode } from "../../clusters/plan-nodes.ts";
import type { HostTools } from "../../host-tools.ts";

/** Names of containers and ports of this host, as its engine is observed. FAILED_PRECONDITION with what is taken. */
export function checkFree(
  { observer, catalog, host, realm }: HostTools,
  names: readonly string[],
  ports: readonly HostPort[],
): void {
  const wanted = new Set(names);
  for (const container of observer.all("container")) {
    if (wanted.has(container.name)) {
      const text = `the engine of host ${host} has a container ${container.name}${ofAnotherRealm(container.labels, realm)} already`;
      throw failedPrecondition("NAME_TAKEN", text, { host, container: container.name });
    }
    const clash = ports.find((port) => port.hostPort !== 0 && container.ports.some((each) => portsClash(each, port)));
    if (!clash) continue;
    const text = `${clash.field}: container ${container.name} has port ${clash.hostPort} of host ${host} already`;
    throw failedPrecondition("PORT_TAKEN", text, { host, port: String(clash.hostPort), container: container.name });
  }
  for (const port of ports) {
    const holder = port.hostPort === 0 ? undefined : portHolder(catalog, host, port);
    if (holder === undefined) continue;
    const text = `${port.field}: port ${port.hostPort} of host ${host} leads to node ${holder} already`;
    throw failedPrecondition("PORT_TAKEN", text, { host, port: String(port.hostPort), node: holder });
  }
}

export function checkHostRoom({ catalog, host }: HostTools, nodes: readonly PlannedNode[], room: HostRoom): void {
  const specs = nodes.map(({ spec }) => spec);
  checkDevices(specs, room, host);
  const others = catalog.onHost(host).flatMap(({ meta }) => catalog.nodes.of(meta!.name));
  checkRoom(specs, others, room, host);
}
