import { KubeProxyMode, type ClusterNetworking, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { createContainer, removeContainer } from "../../common/engine/api/containers.ts";
import { readContainerFile } from "../../common/engine/api/read-file.ts";
import { statPath } from "../../common/engine/api/stat-path.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { isAtLeast, type KubernetesVersion, parseKubernetesVersion, tooOld } from "../kubeadm/version.ts";
import { IMAGE_CONTAINER_LABELS, imageContainerName } from "./image-containers.ts";

const TIMEOUT_MS = 30_000;
const VERSION_PATH = "/kind/version";
const VERSION_BYTES_MAX = 1_024;
const DEFAULT_CNI_PATH = "/kind/manifests/default-cni.yaml";
const PROGRAM_FOLDERS = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"];
const PROGRAMS = ["kubeadm", "kubelet", "kubectl", "containerd", "ctr", "runc"];
const FILES = [VERSION_PATH, "/usr/local/bin/entrypoint", "/sbin/init"];
const CNI_PLUGINS = ["ptp", "host-local", "portmap", "loopback"].map((name) => `/opt/cni/bin/${name}`);
/** kube-proxy has the mode without a feature gate from here on. */
const NFTABLES_MINOR = 31;

/** What a node image has, as far as it matters here. */
export interface NodeImage {
  /** Id (digest) on the engine. */
  id: string;
  /** Undefined where `/kind/version` is missing or states none. */
  version: KubernetesVersion | undefined;
  /** What every node image must have and this one has not. */
  missing: string[];
  /** Plugins of the kernel pod network that it has not. */
  missingPlugins: string[];
  /** It brings a pod network of its own. */
  hasPodNetwork: boolean;
}

/** Looks into an image that is on the engine: in a container that is never started, and removed at once. */
export async function inspectNodeImage(
  { engine, host }: { engine: Engine; host: string },
  id: string,
  signal: AbortSignal,
): Promise<NodeImage> {
  const limits = { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) };
  const name = imageContainerName(host);
  try {
    const body = {
      Image: id,
      Cmd: ["true"],
      Labels: IMAGE_CONTAINER_LABELS,
      HostConfig: { NetworkMode: "none" },
    };
    await createContainer(engine, name, body, limits);
    const has = async (path: string): Promise<boolean> => (await statPath(engine, name, path, limits)) !== undefined;
    const lacks = async (path: string): Promise<string[]> => ((await has(path)) ? [] : [path]);
    const [files, programs, plugins, hasPodNetwork, stated] = await Promise.all([
      Promise.all(FILES.map(lacks)),
      Promise.all(PROGRAMS.map(async (program) => ((await anyOf(program, has)) ? [] : [program]))),
      Promise.all(CNI_PLUGINS.map(lacks)),
      has(DEFAULT_CNI_PATH),
      readContainerFile(engine, name, VERSION_PATH, { bytesMax: VERSION_BYTES_MAX, ...limits }),
    ]);
    const version = stated && parseKubernetesVersion(stated.toString("utf8"));
    const missing = [...files, ...programs].flat();
    if (stated && !version) missing.push(`a Kubernetes version in ${VERSION_PATH}`);
    return { id, version, missing, missingPlugins: plugins.flat(), hasPodNetwork };
  } finally {
    await removeContainer(engine, name, { timeoutMs: TIMEOUT_MS });
  }
}

async function anyOf(program: string, has: (path: string) => Promise<boolean>): Promise<boolean> {
  const found = await Promise.all(PROGRAM_FOLDERS.map((folder) => has(`${folder}/${program}`)));
  return found.includes(true);
}

/** Why an image is none that a cluster with that network could be made from; undefined when it is. */
export function nodeImageProblem(image: NodeImage, networking: ClusterNetworking): string | undefined {
  const { version, missing, missingPlugins, hasPodNetwork } = image;
  if (!version || missing.length > 0) return `is not a node image: it has no ${missing.join(", no ")}`;
  const old = tooOld(version);
  if (old !== undefined) return `cannot be used: ${old}`;
  if (networking.podNetwork === PodNetwork.POD_NETWORK_KERNEL && missingPlugins.length > 0) {
    return `cannot have the kernel pod network: it has no ${missingPlugins.join(", no ")}`;
  }
  if (networking.podNetwork === PodNetwork.POD_NETWORK_IMAGE && !hasPodNetwork) {
    return `brings no pod network of its own: it has no ${DEFAULT_CNI_PATH}`;
  }
  if (networking.kubeProxyMode === KubeProxyMode.KUBE_PROXY_MODE_NFTABLES && !isAtLeast(version, 1, NFTABLES_MINOR)) {
    return `has Kubernetes ${version.text}, whose kube-proxy has no mode NFTABLES: from v1.${NFTABLES_MINOR} on`;
  }
  return undefined;
}
