import type { V1Node, V1NodeStatus } from "@kubernetes/client-node";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Document } from "../kubeadm/documents.ts";
import { parseLabels, parseTaints, registrationOf } from "../kubeadm/registration.ts";
import type { HostCapacity } from "../kubeadm/reserved.ts";

/** The kubelet's own default. */
const PODS = "110";
/** Enough for the control plane's own pods. */
const EPHEMERAL_STORAGE = "10Gi";

/**
 * The node as it is in Kubernetes before its kubelet has said anything: with its pods' range, so that the kubelet needs nobody else to be
 * Ready, and with the labels and taints that a kubelet gives only a node it makes itself: also those that flags of its own state.
 */
export function nodeObject(
  node: Node,
  documents: readonly Document[],
  { first, host }: { first: boolean; host: HostCapacity },
): V1Node {
  const { kubernetesName, podCidr } = node.reservation!;
  const { criSocket, flags, ...registered } = registrationOf(documents, first);
  const { "provider-id": providerID, "node-labels": labels = "", "register-with-taints": flagTaints } = flags;
  const taints = flagTaints === undefined ? [...registered.taints] : parseTaints(flagTaints);
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: kubernetesName,
      labels: { "kubernetes.io/hostname": kubernetesName, ...node.spec!.labels, ...parseLabels(labels) },
      annotations: {
        // kubeadm's own: by it `kubeadm upgrade` and `kubeadm reset` find the runtime.
        "kubeadm.alpha.kubernetes.io/cri-socket": criSocket,
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
      },
    },
    spec: {
      podCIDR: podCidr,
      podCIDRs: [podCidr],
      ...(providerID === undefined ? {} : { providerID }),
      ...(taints.length > 0 ? { taints } : {}),
    },
    status: resources(node, host),
  };
}

/**
 * Until the kubelet has said what there is, a second later: by what it finds here it admits the control plane's own pods, and some kubelets
 * fail on a node without any value.
 */
function resources({ spec }: Node, host: HostCapacity): V1NodeStatus {
  const limited = (limit: bigint, all: number): number => (limit === 0n ? all : Math.min(Number(limit), all));
  const values = {
    cpu: `${limited(spec!.cpuMillis, host.cpuMillis)}m`,
    memory: String(limited(spec!.memoryBytes, host.memoryBytes)),
    "ephemeral-storage": EPHEMERAL_STORAGE,
    pods: PODS,
  };
  return { capacity: values, allocatable: values };
}
