import { formatIpv4, parseRange } from "../../common/network/cidr.ts";
import { isAtLeast, type KubernetesVersion } from "../kubeadm/version.ts";
import type { NodeFile } from "../nodes/node-file.ts";
import { type Authorities, authorityFiles } from "./authorities.ts";
import { issueLeaf, type Issuer, type LeafOptions } from "./certificate.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import { API_PORT, KUBERNETES_FOLDER, PKI_FOLDER } from "./paths.ts";

export interface ControlPlaneOptions {
  version: KubernetesVersion;
  /** In kubeconfigs. */
  clusterName: string;
  /** Its name in Kubernetes. */
  nodeName: string;
  /** Its address, IPv4. */
  address: string;
  /** Stable name of the API, without port. */
  endpointName: string;
  serviceSubnet: string;
  dnsDomain: string;
  /** Further names and addresses of the API server (`certSANs`). */
  apiNames: readonly string[];
  /** Further names and addresses of etcd. */
  etcdServerNames?: readonly string[];
  etcdPeerNames?: readonly string[];
  /** Whether it is the first one, on which `kubeadm init` would run: it alone gets the super admin's kubeconfig. */
  first: boolean;
  now: Date;
}

type Leaf = Omit<LeafOptions, "now">;

/** Everything in `/etc/kubernetes` of a control plane, its kubelet's aside: see `nodeFiles`. */
export async function controlPlaneFiles(authorities: Authorities, options: ControlPlaneOptions): Promise<NodeFile[]> {
  const { now } = options;
  const certificates = certificatesOf(authorities, options).map(async ([file, issuer, leaf]): Promise<NodeFile[]> => {
    const { certificate, key } = await issueLeaf(issuer, { ...leaf, now });
    return [
      { path: `${PKI_FOLDER}/${file}.crt`, mode: 0o644, content: certificate },
      { path: `${PKI_FOLDER}/${file}.key`, mode: 0o600, content: key },
    ];
  });
  const kubeconfigs = kubeconfigsOf(options).map(async ({ file, server, user, organization }): Promise<NodeFile[]> => {
    const credentials = await issueLeaf(authorities.ca, { commonName: user, organization, uses: ["client"], now });
    const { clusterName } = options;
    const content = renderKubeconfig({ clusterName, server, authority: authorities.ca.certificate, user, credentials });
    return [{ path: `${KUBERNETES_FOLDER}/${file}.conf`, mode: 0o600, content }];
  });
  return [...authorityFiles(authorities), ...(await Promise.all([...certificates, ...kubeconfigs])).flat()];
}

/** From 1.29 on administrators are in a group of their own, whose rights can be taken away. */
function administrators(version: KubernetesVersion): string {
  return isAtLeast(version, 1, 29) ? "kubeadm:cluster-admins" : "system:masters";
}

/** Their file names below the PKI folder, who signs them and what they are. */
function certificatesOf(
  authorities: Authorities,
  options: ControlPlaneOptions,
): [file: string, issuer: Issuer, leaf: Leaf][] {
  const { ca, frontProxy, etcd } = authorities;
  const { version, nodeName, address, endpointName, dnsDomain } = options;
  // etcd does not look at it; newer versions leave it away.
  const etcdClients = isAtLeast(version, 1, 29) ? undefined : "system:masters";
  const etcdNames = [nodeName, "localhost", address, "127.0.0.1", "::1"];
  const apiNames = [
    nodeName,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    `kubernetes.default.svc.${dnsDomain}`,
    firstAddress(options.serviceSubnet),
    address,
    endpointName,
    ...options.apiNames,
  ];
  const both = ["server", "client"] as const;
  return [
    ["apiserver", ca, { commonName: "kube-apiserver", uses: ["server"], names: apiNames }],
    [
      "apiserver-kubelet-client",
      ca,
      { commonName: "kube-apiserver-kubelet-client", organization: administrators(version), uses: ["client"] },
    ],
    ["front-proxy-client", frontProxy, { commonName: "front-proxy-client", uses: ["client"] }],
    [
      "etcd/server",
      etcd,
      { commonName: nodeName, uses: both, names: [...etcdNames, ...(options.etcdServerNames ?? [])] },
    ],
    ["etcd/peer", etcd, { commonName: nodeName, uses: both, names: [...etcdNames, ...(options.etcdPeerNames ?? [])] }],
    [
      "etcd/healthcheck-client",
      etcd,
      { commonName: "kube-etcd-healthcheck-client", organization: etcdClients, uses: ["client"] },
    ],
    [
      "apiserver-etcd-client",
      etcd,
      { commonName: "kube-apiserver-etcd-client", organization: etcdClients, uses: ["client"] },
    ],
  ];
}

interface Kubeconfig {
  file: string;
  server: string;
  user: string;
  organization?: string;
}

function kubeconfigsOf({ version, address, endpointName, first }: ControlPlaneOptions): Kubeconfig[] {
  const everywhere = `https://${endpointName}:${API_PORT}`;
  // Those two talk to the API server next to them, which may be of an older version than the others during an upgrade.
  const here = isAtLeast(version, 1, 19) ? `https://${address}:${API_PORT}` : everywhere;
  const superAdmin = {
    file: "super-admin",
    server: everywhere,
    user: "kubernetes-super-admin",
    organization: "system:masters",
  };
  return [
    { file: "admin", server: everywhere, user: "kubernetes-admin", organization: administrators(version) },
    ...(first && isAtLeast(version, 1, 29) ? [superAdmin] : []),
    { file: "controller-manager", server: here, user: "system:kube-controller-manager" },
    { file: "scheduler", server: here, user: "system:kube-scheduler" },
  ];
}

/** Of the service `kubernetes`. */
function firstAddress(subnet: string): string {
  const range = parseRange(subnet);
  if (!range) throw new Error(`${subnet} is no IPv4 range`);
  return formatIpv4(range.first + 1);
}
