import type { EnginePaths } from "./paths.ts";

export interface EngineNetwork {
  /** Name of the engine's default bridge, and of its nftables table. */
  bridge: string;
  /** All addresses of the engine: `10.64.0.0/16`. */
  range: string;
  /** Address and prefix of the default bridge: `10.64.0.1/24`. */
  bridgeAddress: string;
  /** Where the realm's own network is: `10.64.64.0/18`. */
  realmSubnet: string;
  /** Where other networks get theirs: `10.64.128.0/18`, given out as /24. */
  pool: string;
  /** Where clusters' networks get theirs: `10.64.192.0/18`. */
  clusterSubnets: string;
}

export interface EngineOptions {
  network: EngineNetwork;
  labels?: readonly string[];
}

/** Configuration of containerd: version 2 is read by 1.x and 2.x. */
export function containerdConfig(paths: EnginePaths): string {
  const { containerd } = paths;
  return [
    "version = 2",
    `root = ${JSON.stringify(containerd.root)}`,
    `state = ${JSON.stringify(containerd.state)}`,
    // Kubernetes' interface is not used, and would write to folders outside.
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    "[grpc]",
    `address = ${JSON.stringify(containerd.socket)}`,
    "",
  ].join("\n");
}

/**
 * daemon.json. The engine leaves the firewall alone: engines in one network namespace share the names of their iptables
 * chains and would empty each other's. Published ports go through docker-proxy; what goes out is masqueraded by a table
 * of our own (masquerade.ts).
 */
export function engineConfig(paths: EnginePaths, options: EngineOptions): Record<string, unknown> {
  const { network, labels } = options;
  return {
    "data-root": paths.dataRoot,
    "exec-root": paths.execRoot,
    pidfile: paths.pidFile,
    hosts: [`unix://${paths.socket}`],
    containerd: paths.containerd.socket,
    "live-restore": true,
    bridge: network.bridge,
    "default-address-pools": [{ base: network.pool, size: 24 }],
    iptables: false,
    ip6tables: false,
    // Devices by the Container Device Interface: on by default from 28 on.
    features: { cdi: true },
    "log-driver": "local",
    "cgroup-parent": cgroupOf(network),
    ...(labels ? { labels } : {}),
  };
}

/** The group of all containers of an engine. Both cgroup drivers take a name that ends like this. */
export function cgroupOf(network: EngineNetwork): string {
  return `${network.bridge}.slice`;
}
