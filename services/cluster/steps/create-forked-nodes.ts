import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { inspectContainer } from "../../common/engine/api/containers.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { isFirst, KUBELET_CONFIG_PATH } from "../nodes/cluster-files.ts";
import { kubeletAlone } from "../nodes/kubelet-alone.ts";
import { putFiles } from "../nodes/put-files.ts";
import { newBootstrapToken } from "../nodes/token.ts";
import { type Authorities, createAuthorities } from "../pki/authorities.ts";
import { bringBack, imageIdOf } from "../snapshots/bring-back.ts";
import { nodeFolder } from "../snapshots/folders.ts";
import { varFolderOf } from "../snapshots/var-folder.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { sourceFolder } from "./capture-source.ts";
import { createContainerOf, filesOf, rememberAdmin, removeNodesOfJob } from "./create-nodes.ts";

const HOUR_MS = 3_600_000;
/** What says who the source is: a fork has its own of it. In `/var`. */
const IDENTITY_IN_VAR = ["lib/kubelet/config.yaml", "lib/kubelet/kubeadm-flags.env", "lib/kubelet/pki"];
/** Of several members of etcd one keeps its data; the others get it from there. */
const ETCD_DATA = "lib/etcd";
const IDENTITY = /^(kind|etc\/kubernetes\/(pki|manifests)|etc\/kubernetes\/[^/]+\.conf)(\/|$)/;

/**
 * The source's nodes once more: their state, and keys, certificates, names and addresses of their own. A run that was broken off is begun again
 * from nothing.
 */
export const createForkedNodes: Step<ClusterContext> = {
  name: "create-forked-nodes",
  timeoutMs: HOUR_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    await removeNodesOfJob(ctx);
    ctx.progress(-1, "putting the state into new nodes");
    const authorities = createAuthorities(ctx.store.now());
    const token = newBootstrapToken();
    const folder = await sourceFolder(ctx);
    await allSettled(ctx.nodes.map((node) => createForkedNode(ctx, node, { folder, token, authorities })));
  },
  undo: removeNodesOfJob,
};

interface Made {
  /** Of the captured state. */
  folder: string;
  token: string;
  authorities: Promise<Authorities>;
}

async function createForkedNode(ctx: ClusterContext, node: Node, { folder, token, authorities }: Made): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(node.meta!.name);
  const from = nodeFolder(folder, node);
  const files = filesOf(ctx, node, token, authorities);
  const putState = async (): Promise<void> => {
    await createContainerOf(ctx, node, await imageIdOf(from));
    await bringBack({ engine, container, from, without: (path) => IDENTITY.test(path), signal });
  };
  await allSettled<unknown>([files, putState()]);
  const at = await varFolderOf(await inspectContainer(engine, container, { signal }));
  const first = isFirst(node, ctx.nodes);
  const gone = first ? IDENTITY_IN_VAR : [...IDENTITY_IN_VAR, ETCD_DATA];
  await Promise.all(gone.map((path) => rm(join(at, path), { recursive: true, force: true })));
  const own = await files;
  // With several control planes the first one's, too, has to wait: for data that are one member's alone.
  const alone = first && controlPlanesOf(ctx.nodes).length === 1;
  const begun = alone ? own : own.filter(({ path }) => path !== KUBELET_CONFIG_PATH);
  await putFiles(engine, container, first ? [...begun, ...kubeletAlone(own)] : begun, signal);
  if (first) rememberAdmin(ctx, own);
}
