import type { NodeFile } from "../nodes/node-file.ts";
import { CNI_CONFIG_PATH, cniConfig } from "./cni-config.ts";
import { type PodRoute, routeBatch } from "./pod-routes.ts";

export const ROUTES_PATH = "/etc/gantry/pod-routes";
const UNIT = "gantry-pod-network.service";
const UNIT_FOLDER = "/etc/systemd/system";

export interface PodNetworkInput {
  /** Of the node. */
  podCidr: string;
  /** Of all nodes together. */
  podSubnet: string;
  /** To the pods of the other nodes. */
  routes: readonly PodRoute[];
}

/** The kernel pod network of one node: there before the kubelet's first look, and again at each of the node's starts, without anybody's help. */
export function podNetworkFiles(input: PodNetworkInput): NodeFile[] {
  return [
    { path: CNI_CONFIG_PATH, mode: 0o644, content: cniConfig(input) },
    routesFile(input.routes),
    { path: `${UNIT_FOLDER}/${UNIT}`, mode: 0o644, content: unit(input) },
    { path: `${UNIT_FOLDER}/multi-user.target.wants/${UNIT}`, target: `../${UNIT}` },
  ];
}

export function routesFile(routes: readonly PodRoute[]): NodeFile {
  return { path: ROUTES_PATH, mode: 0o644, content: routeBatch(routes) };
}

/** What pods send beyond the pod network leaves with the node's address; among each other they keep their own. */
function unit({ podCidr, podSubnet }: PodNetworkInput): string {
  const rule = `POSTROUTING --source ${podCidr} ! --destination ${podSubnet} --jump MASQUERADE`;
  return `[Unit]
Description=Routes to the pods of other nodes
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip -batch ${ROUTES_PATH}
ExecStart=iptables --wait --table nat --append ${rule}

[Install]
WantedBy=multi-user.target
`;
}
