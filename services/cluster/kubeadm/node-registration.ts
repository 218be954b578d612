import type { Taint } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { NO_DOCKER_ENDPOINT } from "../nodes/no-docker.ts";
import { API_PORT } from "../pki/paths.ts";
import { flags, pairs } from "./flags.ts";
import { ownLabels } from "./labels.ts";
import type { KubeadmOptions } from "./options.ts";
import { reservedResources } from "./reserved.ts";
import { isAtLeast, type KubernetesVersion } from "./version.ts";

const CRI_SOCKET = "unix:///run/containerd/containerd.sock";

/** How the first control plane begins the cluster. */
export function initConfiguration(options: KubeadmOptions): Record<string, unknown> {
  return {
    bootstrapTokens: [{ token: options.token }],
    localAPIEndpoint: localEndpoint(options),
    nodeRegistration: nodeRegistration(options),
  };
}

/** How every other node joins it. */
export function joinConfiguration(options: KubeadmOptions): Record<string, unknown> {
  return {
    ...(options.node.controlPlane ? { controlPlane: { localAPIEndpoint: localEndpoint(options) } } : {}),
    nodeRegistration: nodeRegistration(options),
    discovery: {
      bootstrapToken: {
        apiServerEndpoint: `${options.endpointName}:${API_PORT}`,
        token: options.token,
        caCertHashes: [options.authorityHash],
      },
    },
  };
}

function localEndpoint({ node }: KubeadmOptions): Record<string, unknown> {
  return { advertiseAddress: node.address, bindPort: API_PORT };
}

function nodeRegistration(options: KubeadmOptions): Record<string, unknown> {
  const { version, node, clusterName } = options;
  const labels = pairs(ownLabels(node.labels));
  const reserved = pairs(reservedResources(node, node.host));
  return {
    name: node.name,
    criSocket: CRI_SOCKET,
    taints: taints(options),
    // Of the node alone, and so no part of the kubelets' configuration, which is the same for all of them and kept in the cluster.
    kubeletExtraArgs: flags(version, {
      "node-ip": node.address,
      "provider-id": `kind://docker/${clusterName}/${node.containerName}`,
      ...(labels === "" ? {} : { "node-labels": labels }),
      ...(reserved === "" ? {} : { "system-reserved": reserved }),
      // Kubelets with Docker support wait for it at every start, whatever runtime they use, unless something answers there.
      ...(isAtLeast(version, 1, 24) ? {} : { docker: NO_DOCKER_ENDPOINT }),
      ...options.flags?.kubelet,
    }),
  };
}

/** Stated in full, for kubeadm gives control planes taints of its own where nothing is stated. */
function taints({ version, node, workers }: KubeadmOptions): Record<string, string>[] {
  const own = node.controlPlane && workers ? controlPlaneTaints(version) : [];
  const given = node.taints.map(({ key, value, effect }: Taint) => ({
    key,
    ...(value === "" ? {} : { value }),
    effect,
  }));
  const stated = new Set(given.map(({ key, effect }) => `${key}:${effect}`));
  return [...own.filter(({ key, effect }) => !stated.has(`${key}:${effect}`)), ...given];
}

function controlPlaneTaints(version: KubernetesVersion): { key: string; effect: string }[] {
  const taint = (role: string): { key: string; effect: string } => ({
    key: `node-role.kubernetes.io/${role}`,
    effect: "NoSchedule",
  });
  if (isAtLeast(version, 1, 25)) return [taint("control-plane")];
  return isAtLeast(version, 1, 24) ? [taint("master"), taint("control-plane")] : [taint("master")];
}
