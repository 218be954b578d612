import { API_PORT } from "../pki/paths.ts";
import { flags, pairs, unlessEmpty } from "./flags.ts";
import type { KubeadmOptions } from "./options.ts";
import { kubeadmApi } from "./version.ts";

/** What is the same for the whole cluster; kept in it as config map `kubeadm-config`. */
export function clusterConfiguration(options: KubeadmOptions): Record<string, unknown> {
  const { version, featureGates, runtimeConfig } = options;
  const gates = Object.keys(featureGates).length > 0 ? { "feature-gates": pairs(featureGates) } : {};
  const runtime = Object.keys(runtimeConfig).length > 0 ? { "runtime-config": pairs(runtimeConfig) } : {};
  const component = (values: Record<string, string>): object => unlessEmpty("extraArgs", flags(version, values));
  const etcd = options.flags?.etcd ?? {};
  return {
    kubernetesVersion: version.text,
    clusterName: options.clusterName,
    controlPlaneEndpoint: `${options.endpointName}:${API_PORT}`,
    // Keys that kubeadm makes later on are of the kind that the cluster's are.
    ...(kubeadmApi(version) === "v1beta4" ? { encryptionAlgorithm: "ECDSA-P256" } : {}),
    apiServer: { certSANs: [...options.apiNames], ...component({ ...runtime, ...gates, ...options.flags?.apiServer }) },
    controllerManager: component({
      ...gates,
      "enable-hostpath-provisioner": "true",
      // Each node's range is reserved with the cluster and written with the node.
      "allocate-node-cidrs": "false",
      ...options.flags?.controllerManager,
    }),
    scheduler: component({ ...gates, ...options.flags?.scheduler }),
    ...(Object.keys(etcd).length > 0 ? { etcd: { local: component({ ...etcd }) } } : {}),
    networking: { podSubnet: options.podSubnet, serviceSubnet: options.serviceSubnet, dnsDomain: options.dnsDomain },
  };
}
