import { status as Code } from "@grpc/grpc-js";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { type ContainerCreateBody, createContainer, findContainer } from "../../common/engine/api/containers.ts";
import { EngineError } from "../../common/engine/errors.ts";
import { containerNameInUse } from "../../common/engine/name-in-use.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";
import type { Step } from "../../common/jobs/api.ts";
import { isControlPlane } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { versionOf } from "../jobs/versions.ts";
import { ADMIN_CONF_PATHS } from "../kubernetes/clients.ts";
import { clusterFiles, hostFacts, isFirst, KUBELET_CONFIG_PATH } from "../nodes/cluster-files.ts";
import { nodeContainerOptions } from "../nodes/container-options.ts";
import { removeNodeContainers } from "../nodes/find-nodes.ts";
import type { NodeFile } from "../nodes/node-file.ts";
import { putFiles } from "../nodes/put-files.ts";
import { newBootstrapToken } from "../nodes/token.ts";
import { type Authorities, createAuthorities } from "../pki/authorities.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { giveToNode, putMountFiles } from "./give-mounts.ts";

const CALL_TIMEOUT_MS = 120_000;
/** Its turn may be far off when very many are made at once. */
const STEP_TIMEOUT_MS = 30 * 60_000;

/**
 * The containers of a new cluster, not started, with everything in them: keys, certificates, configuration, pod network. The keys are nowhere
 * else, so a run that was broken off is begun again from nothing.
 */
export const createNodes: Step<ClusterContext> = {
  name: "create-nodes",
  timeoutMs: STEP_TIMEOUT_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    await removeNodesOfJob(ctx);
    ctx.progress(-1, `making ${ctx.nodes.length} ${ctx.nodes.length === 1 ? "node" : "nodes"}`);
    const authorities = createAuthorities(ctx.store.now());
    const token = newBootstrapToken();
    await allSettled(ctx.nodes.map((node) => createNode(ctx, node, token, authorities)));
  },
  undo: removeNodesOfJob,
};

export async function removeNodesOfJob(ctx: ClusterContext): Promise<void> {
  const nodes = nodesOfJob(ctx);
  await removeNodeContainers(ctx.tools.engine, nodes, ctx.signal);
  await Promise.all(nodes.map(({ meta }) => ctx.tools.nodeFolders.remove(meta!.uid, ctx.signal)));
}

/** Makes the container of a node and puts everything into it; its kubelet begins by itself on control planes alone. */
export async function createNode(
  ctx: ClusterContext,
  node: Node,
  token: string,
  authorities: Promise<Authorities>,
): Promise<void> {
  const preparing = filesOf(ctx, node, token, authorities);
  await allSettled<unknown>([preparing, createContainerOf(ctx, node)]);
  const files = await preparing;
  if (isFirst(node, ctx.nodes)) rememberAdmin(ctx, files);
  // Workers' kubelets would only wait for the API, longer each time they ask, and take the processors from what brings it up.
  const put = isControlPlane(node) ? files : files.filter(({ path }) => path !== KUBELET_CONFIG_PATH);
  await putFiles(ctx.tools.engine, containerNameOfNode(node.meta!.name), put, ctx.signal);
}

export async function filesOf(
  ctx: ClusterContext,
  node: Node,
  token: string,
  authorities: Promise<Authorities>,
): Promise<NodeFile[]> {
  const { cluster, nodes } = ctx;
  const [version, host] = await Promise.all([versionOf(ctx, node), hostFacts()]);
  return clusterFiles({
    cluster,
    node,
    nodes,
    authorities: await authorities,
    token,
    version,
    host,
    now: ctx.store.now(),
  });
}

/** `imageId`: nothing of the image's is put into its `/var`, which comes from elsewhere and belongs to this very image. */
export async function createContainerOf(ctx: ClusterContext, node: Node, imageId?: string): Promise<void> {
  const { engine, host, realm, slots } = ctx.tools;
  const name = containerNameOfNode(node.meta!.name);
  const emptyVar = imageId !== undefined;
  const folder = await giveToNode(ctx, node);
  const options = nodeContainerOptions({
    realm,
    cluster: ctx.cluster,
    node,
    network: ctx.networkName,
    emptyVar,
    folder,
  });
  if (emptyVar) options.Image = imageId;
  const limits = { signal: ctx.signal, timeoutMs: CALL_TIMEOUT_MS };
  try {
    await slots.run(false, ctx.signal, () => createContainer(engine, name, options as ContainerCreateBody, limits));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== Code.ALREADY_EXISTS) throw error;
    const found = await findContainer(engine, name, { signal: ctx.signal });
    throw containerNameInUse({ host, realm, container: name, found });
  }
  if (node.reservation!.mounts.length > 0) await putMountFiles(ctx, node);
}

export function rememberAdmin(ctx: ClusterContext, files: readonly NodeFile[]): void {
  const content = (path: string): string | undefined => {
    const file = files.find((each) => each.path === path);
    return file && "content" in file ? file.content : undefined;
  };
  const conf = ADMIN_CONF_PATHS.map(content).find((text) => text !== undefined);
  if (conf !== undefined) ctx.tools.kubernetes.remember(ctx.uid, conf);
}
