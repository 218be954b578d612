import { type ClusterNetworking, KubeProxyMode, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { readContainerFile } from "../../common/engine/api/read-file.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { versionOf } from "../jobs/versions.ts";
import { isAtLeast } from "../kubeadm/version.ts";
import { applyFile, initPhase, LIST_IMAGES, WRITE_TOKEN } from "../nodes/commands.ts";
import { putFiles } from "../nodes/put-files.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { aboutNode } from "./node-trouble.ts";
import { API_TIMEOUT_MS } from "./begin-control-plane.ts";
import { waitUntil } from "./wait-until.ts";

/** From here on the admin may do nothing before the first phase that asks a ready API: until then it may do everything at once. */
const ADMIN_GETS_RIGHTS = [1, 29] as const;
const READY_INTERVAL_MS = 50;
const MANIFEST_BYTES_MAX = 1024 * 1024;
const POD_NETWORK_MANIFEST = "/kind/manifests/default-cni.yaml";
const STORAGE_MANIFEST = "/kind/manifests/default-storage.yaml";
/** As kind's images leave a place for it. */
const POD_SUBNET_PLACE = /\{\{\s*\.PodSubnet\s*\}\}/g;

/** Controller manager and scheduler; all of it where it is not the first control plane. */
export async function completeControlPlane(ctx: ClusterContext): Promise<void> {
  const parts = async (container: string, ...names: string[]): Promise<void> => {
    await aboutNode(ctx, container, () =>
      Promise.all(names.map((name) => run(ctx, container, initPhase("control-plane", name)))),
    );
  };
  await Promise.all([
    parts(firstContainer(ctx), "controller-manager", "scheduler"),
    ...furtherContainers(ctx).map((container) => parts(container, "apiserver", "controller-manager", "scheduler")),
  ]);
}

/** What kubeadm puts into a cluster, by its own hand, and what the image brings. `begun`: what is to have the processors first. */
export async function installAddOns(ctx: ClusterContext, begun: Promise<void>): Promise<void> {
  const container = firstContainer(ctx);
  await aboutNode(ctx, container, async () => {
    await begun;
    const [first] = ctx.nodes;
    const early = !isAtLeast(await versionOf(ctx, first!), ...ADMIN_GETS_RIGHTS);
    const network = installNetwork(ctx, container);
    await allSettled([network, early ? introduce(ctx, container) : network.then(() => introduce(ctx, container))]);
    for (const further of furtherContainers(ctx)) await noteControlPlane(ctx, further);
    if (/\/coredns(\/coredns)?:/.test(await run(ctx, container, LIST_IMAGES))) {
      await run(ctx, container, initPhase("addon", "coredns"));
    }
    await applyManifest(ctx, container, STORAGE_MANIFEST);
  });
}

async function installNetwork(ctx: ClusterContext, container: string): Promise<void> {
  await waitForReadyApi(ctx);
  for (const addOn of networkAddOns(ctx.cluster.spec!.networking!)) {
    if ("phase" in addOn) await run(ctx, container, initPhase(...addOn.phase));
    else await applyManifest(ctx, container, addOn.manifest);
  }
}

/** What the first node is, and the token that others join with: the API takes them long before it says that it is ready. */
async function introduce(ctx: ClusterContext, container: string): Promise<void> {
  await run(ctx, container, initPhase("mark-control-plane"));
  await waitForNamespace(ctx, "kube-public");
  await run(ctx, container, WRITE_TOKEN);
}

async function waitForNamespace(ctx: ClusterContext, name: string): Promise<void> {
  await waitUntil({
    what: `namespace ${name} of ${ctx.engineName} is there`,
    timeoutMs: API_TIMEOUT_MS,
    intervalMs: READY_INTERVAL_MS,
    signal: ctx.signal,
    look: () => apiOf(ctx).find(`/api/v1/namespaces/${name}`, { signal: ctx.signal }),
  });
}

type AddOn = { phase: string[] } | { manifest: string };

/** kubeadm's configuration and what nodes need to be ready, which comes as early as it can. */
export function networkAddOns({
  podNetwork,
  kubeProxyMode,
}: Pick<ClusterNetworking, "podNetwork" | "kubeProxyMode">): AddOn[] {
  const config = { phase: ["upload-config", "all"] };
  const network = podNetwork === PodNetwork.POD_NETWORK_IMAGE ? [{ manifest: POD_NETWORK_MANIFEST }] : [];
  // From 1.29 on the first phase that asks the API gives the admin its rights: no manifest can be applied before.
  return kubeProxyMode === KubeProxyMode.KUBE_PROXY_MODE_NONE
    ? [config, ...network]
    : [{ phase: ["addon", "kube-proxy"] }, ...network, config];
}

/** Roles and priorities that everything else needs are there only then. */
async function waitForReadyApi(ctx: ClusterContext): Promise<void> {
  const api = apiOf(ctx);
  await waitUntil({
    what: `the API of ${ctx.engineName} is ready`,
    timeoutMs: API_TIMEOUT_MS,
    intervalMs: READY_INTERVAL_MS,
    signal: ctx.signal,
    look: async () => {
      await api.ready({ signal: ctx.signal });
      return true;
    },
  });
}

/** Nothing where the image has no such file. */
async function applyManifest(ctx: ClusterContext, container: string, path: string): Promise<void> {
  const { engine } = ctx.tools;
  const file = await readContainerFile(engine, container, path, { bytesMax: MANIFEST_BYTES_MAX, signal: ctx.signal });
  if (file === undefined) return;
  const content = file.toString("utf8").replace(POD_SUBNET_PLACE, ctx.cluster.spec!.networking!.podSubnet);
  await putFiles(engine, container, [{ path, mode: 0o644, content }], ctx.signal);
  await run(ctx, container, applyFile(path));
}

/** As `kubeadm join` does: what the node is, and where older versions keep the list of API servers. */
export async function noteControlPlane(ctx: ClusterContext, container: string): Promise<void> {
  await aboutNode(ctx, container, async () => {
    await run(ctx, container, initPhase("mark-control-plane"));
    await run(ctx, container, initPhase("upload-config", "kubeadm"));
  });
}

function furtherContainers(ctx: ClusterContext): string[] {
  return controlPlanesOf(ctx.nodes)
    .slice(1)
    .map(({ meta }) => containerNameOfNode(meta!.name));
}

function firstContainer(ctx: ClusterContext): string {
  return containerNameOfNode(ctx.nodes[0]!.meta!.name);
}

function run({ tools, signal }: ClusterContext, container: string, command: string[]): Promise<string> {
  return runInNode({ engine: tools.engine, container, command, signal });
}
