import { DESTINATION_PRIORITY, SOURCE_PRIORITY, tableRemoval } from "../network/kernel-command.ts";

/** A port of the host, and what it leads to. */
export interface PortRule {
  /** IPv4 address of the host, or 0.0.0.0 for all of them. */
  hostIp: string;
  hostPort: number;
  protocol: string;
  /** Address of the node. */
  to: string;
  port: number;
}

/** Ports of the host that lead to a cluster's nodes. */
export interface PortTable {
  /** Of the cluster. */
  uid: string;
  /** CIDR of the cluster's subnet. */
  subnet: string;
  /** The cluster's bridge. */
  bridge: string;
  /** At least one. */
  ports: readonly PortRule[];
}

export function tableOf(uid: string): string {
  return `gantry-ports-${uid}`;
}

/** Before connections are known, so that what is sent to the host's own loopback is not taken for an answer. */
const RAW_PRIORITY = -300;

/**
 * Replaces the table in one transaction. A client is seen by the node with its own address, but for the host by its loopback and for the cluster's
 * nodes themselves: their answers must come back by the host. The bridge takes packets of the host's loopback; none that a node sends there.
 */
export function ruleSet({ uid, subnet, bridge, ports }: PortTable): string {
  const table = tableOf(uid);
  return `${removal(uid)}
table ip ${table} {
  chain lead {
${ports.map((port) => `    ${ruleOf(port)}\n`).join("")}  }
  chain from-outside {
    type nat hook prerouting priority ${DESTINATION_PRIORITY}
    jump lead
  }
  chain from-host {
    type nat hook output priority ${DESTINATION_PRIORITY}
    jump lead
  }
  chain back-by-host {
    type nat hook postrouting priority ${SOURCE_PRIORITY}
    oifname "${bridge}" ct status dnat ip saddr { 127.0.0.0/8, ${subnet} } masquerade
  }
  chain guard-loopback {
    type filter hook prerouting priority ${RAW_PRIORITY}
    iifname "${bridge}" ip daddr 127.0.0.0/8 drop
  }
}
`;
}

function ruleOf({ hostIp, hostPort, protocol, to, port }: PortRule): string {
  const address = hostIp === "0.0.0.0" ? "fib daddr type local" : `ip daddr ${hostIp}`;
  return `${address} ${protocol} dport ${hostPort} dnat to ${to}:${port}`;
}

export function removal(uid: string): string {
  return tableRemoval(tableOf(uid));
}
