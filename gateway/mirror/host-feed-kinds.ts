/** Observations of a service that its process on a host alone tells of. */
export interface HostFeedKind {
  service: string;
  kinds: readonly string[];
  /** Origins of a host that are there for certain: shown while nothing is heard of them. */
  expects(host: string): readonly string[];
}

/** See gantry/compute/v1/engine.proto and gantry/cluster/v1/kubernetes.proto. */
export const HOST_FEED_KINDS: readonly HostFeedKind[] = [
  {
    service: "compute",
    kinds: ["Container", "EngineNetwork", "EngineVolume", "Image"],
    expects: (host) => [`docker/${host}`],
  },
  {
    service: "cluster",
    kinds: [
      "KubernetesNode",
      "Namespace",
      "Pod",
      "KubernetesService",
      "Deployment",
      "StatefulSet",
      "DaemonSet",
      "Job",
      "PersistentVolumeClaim",
      "KubernetesEvent",
    ],
    // Which clusters a host has is told by its process.
    expects: () => [],
  },
];
