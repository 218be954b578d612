import { isIPv4 } from "node:net";
import type { Node, NodePort } from "../../../proto/gen/gantry/cluster/v1/node.ts";

/** Whether a port that the spec asks for is the one that is held; the spec may have left open which of the host's it is. */
export function isSamePort(asked: NodePort, held: NodePort): boolean {
  return (
    asked.hostIp === held.hostIp &&
    asked.port === held.port &&
    asked.protocol === held.protocol &&
    (asked.hostPort === 0 || asked.hostPort === held.hostPort)
  );
}

/**
 * Ports that the engine publishes with the node's container, and nobody can take back as long as it is there: where the host's kernel was not this
 * process's to change, and of IPv6 addresses, for the node has none.
 */
export function enginePorts({ spec, reservation }: Pick<Node, "spec" | "reservation">): NodePort[] {
  const held = reservation?.ports ?? [];
  return (spec?.ports ?? []).filter((port) => !held.some((each) => isSamePort(port, each)));
}

/** Whether the host's kernel can lead a port to a node. */
export function isKernelPort({ hostIp }: NodePort): boolean {
  return isIPv4(hostIp);
}
