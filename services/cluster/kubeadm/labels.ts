/** Those of Kubernetes' own names that a kubelet may give its node. */
const OWN_NAMES = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/instance-type",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/instance-type",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.kubernetes.io/zone",
  "failure-domain.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
]);

const OWN_DOMAINS = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const RESERVED_DOMAINS = ["kubernetes.io", "k8s.io"];

type Labels = Readonly<Record<string, string>>;

/**
 * Labels that a kubelet gives its node itself. One that is told to give itself another of Kubernetes' own, such as
 * `node-role.kubernetes.io/worker`, does not start: those come through the API only.
 */
export function ownLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => isOwn(name)));
}

function isOwn(name: string): boolean {
  const slash = name.indexOf("/");
  if (slash < 0 || OWN_NAMES.has(name)) return true;
  const domain = name.slice(0, slash);
  const isIn = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  return OWN_DOMAINS.some(isIn) || !RESERVED_DOMAINS.some(isIn);
}
