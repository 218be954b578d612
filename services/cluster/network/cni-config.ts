/** Where containerd and the kubelet look. The first file by name is taken. */
export const CNI_CONFIG_PATH = "/etc/cni/net.d/10-gantry.conflist";

export interface CniConfigInput {
  /** Of the node. */
  podCidr: string;
}

/**
 * The kernel pod network on one node: a veth pair for each pod and routes, no bridge; addresses out of the node's own range. What pods send
 * beyond the cluster's network leaves with the node's address, by the plugin's own masquerade rule.
 */
export function cniConfig({ podCidr }: CniConfigInput): string {
  const config = {
    cniVersion: "0.3.1",
    name: "gantry",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          // Not kept over a restart: pods do not live through one either.
          dataDir: "/run/cni-ipam-state",
          routes: [{ dst: "0.0.0.0/0" }],
          ranges: [[{ subnet: podCidr }]],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
