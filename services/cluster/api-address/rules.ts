import { DESTINATION_PRIORITY, SOURCE_PRIORITY, tableRemoval } from "../network/kernel-command.ts";
import { API_PORT } from "../pki/paths.ts";

/** An address that stands for the API servers of a cluster with several control planes. */
export interface SpreadAddress {
  /** The address itself, in the cluster's subnet; no node has it. */
  address: string;
  /** CIDR of the cluster's subnet. */
  subnet: string;
  /** Addresses that take new connections. At least one. */
  servers: readonly string[];
  /** Addresses that answer nothing any more: connections that lead there are ended, so that their clients make new ones. */
  dead: readonly string[];
}

/** Of the kernel table, by the address: no two clusters of a host have the same. */
export function tableOf(address: string): string {
  return `gantry-api-${address}`;
}

const FILTER_PRIORITY = -10;

/**
 * Replaces the table in one transaction. New connections to the address go to one server after the other. What nodes send comes back by the
 * host, not straight from their neighbour, whom they have not asked. A connection to a dead server gets a reset at the next thing that its
 * client says; without, the client would go on waiting until its own patience is over.
 */
export function ruleSet(spread: SpreadAddress): string {
  const { address, subnet, servers, dead } = spread;
  const table = tableOf(address);
  const ours = `ct direction original ct original ip daddr ${address}`;
  const turns = servers.map((server, turn) => `${turn} : ${server}`).join(", ");
  return `${removal(address)}
table ip ${table} {
  chain spread {
    ip daddr ${address} tcp dport ${API_PORT} dnat to numgen inc mod ${servers.length} map { ${turns} }
  }
  chain from-outside {
    type nat hook prerouting priority ${DESTINATION_PRIORITY}
    jump spread
  }
  chain from-host {
    type nat hook output priority ${DESTINATION_PRIORITY}
    jump spread
  }
  chain back-by-host {
    type nat hook postrouting priority ${SOURCE_PRIORITY}
    ip saddr ${subnet} ${ours} masquerade
  }
  chain cut {
${dead.map((server) => `    ip daddr ${server} ${ours} meta l4proto tcp reject with tcp reset\n`).join("")}  }
  chain through {
    type filter hook forward priority ${FILTER_PRIORITY}
    jump cut
  }
  chain from-host-cut {
    type filter hook output priority ${FILTER_PRIORITY}
    jump cut
  }
}
`;
}

export function removal(address: string): string {
  return tableRemoval(tableOf(address));
}
