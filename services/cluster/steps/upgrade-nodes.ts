import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { findImage } from "../../common/engine/api/images.ts";
import {
  findContainer,
  removeContainer,
  renameContainer,
  startContainer,
  stopContainer,
} from "../../common/engine/api/containers.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { type ClusterContext, updateNode } from "../jobs/context.ts";
import { authoritiesOf } from "../nodes/read-authorities.ts";
import { newBootstrapToken } from "../nodes/token.ts";
import { carryState } from "../upgrade/carry-state.ts";
import { keepImages, shippedImages, takeImages } from "../upgrade/images.ts";
import { createNode } from "./create-nodes.ts";
import { allowPods, drainNode } from "./drain-nodes.ts";
import { aboutNode } from "./node-trouble.ts";
import { returnControlPlane } from "./return-control-plane.ts";
import { upgradeControlPlane } from "./upgrade-control-plane.ts";
import { waitNodesReady } from "./wait-ready.ts";
import { isControlPlane } from "../clusters/control-planes.ts";
import { putKubeletFiles } from "./join-nodes.ts";

const DAY_MS = 24 * 3_600_000;
const STOP_SECONDS = 7;
const CALL_TIMEOUT_MS = 60_000;
/** About 20 s. */
const API_ATTEMPTS = 8;

/**
 * Each node in a container of the new image, under its name and at its address, with its state: control planes first. The container that it was
 * before stays until the new one is known to work; with it a node that fails is put back.
 */
export const upgradeNodes: Step<ClusterContext> = {
  name: "upgrade-nodes",
  timeoutMs: DAY_MS,
  // An API server whose node has just been upgraded may be away for some seconds more: each try goes on where the one before stood.
  attempts: API_ATTEMPTS,
  async do(ctx) {
    const { images } = ctx.tools;
    const target = await images.find(ctx.parameters.image, ctx.signal);
    let shipped: Promise<Set<string>> | undefined;
    const shippedOnce = () =>
      (shipped ??= shippedImages(ctx.tools, { imageId: target!.id, network: ctx.networkName }, ctx.signal));
    for (const { meta } of ctx.nodes) {
      const node = ctx.nodes.find((each) => each.meta!.name === meta!.name)!;
      if (node.spec!.image !== ctx.parameters.image || !(await hasImage(ctx, node)))
        await upgradeNode(ctx, node, shippedOnce);
      await removeBefore(ctx, node);
      await allowPods(ctx, node);
    }
  },
  async undo(ctx) {
    for (const node of ctx.nodes) {
      if (node.spec!.image === ctx.parameters.image) await removeBefore(ctx, node);
      else await putBack(ctx, node);
      await allowPods(ctx, node);
    }
  },
};

async function upgradeNode(ctx: ClusterContext, node: Node, shipped: () => Promise<Set<string>>): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(node.meta!.name);
  const before = beforeOf(container);
  const next = { ...node, spec: { ...node.spec!, image: ctx.parameters.image } };
  const limits = { signal, timeoutMs: CALL_TIMEOUT_MS };
  if (!(await findContainer(engine, before, { signal }))) await setAside(ctx, node, shipped);
  ctx.progress(-1, `putting ${container} onto ${ctx.parameters.image}`);
  await aboutNode(ctx, container, async () => {
    // One that a run which was broken off has started already holds what was written since.
    if ((await lifeOf(ctx, container)) === "unborn") await makeNext(ctx, next);
    await startContainer(engine, container, limits);
    await takeImages({ engine, container, signal });
    if (isControlPlane(node)) {
      await upgradeControlPlane(ctx, next);
      await returnControlPlane.do(ctx);
    }
    ctx.progress(-1, `waiting for ${container}`);
    await waitNodesReady(ctx, [next]);
  });
  await updateNode(ctx, node.meta!.name, (record) => void (record.spec!.image = ctx.parameters.image), {
    durable: true,
  });
}

/** Stopped, under the name that the container has until the new one is known to work. */
async function setAside(ctx: ClusterContext, node: Node, shipped: () => Promise<Set<string>>): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(node.meta!.name);
  // What a run that was broken off has stopped is drained, and its images are put aside.
  if ((await lifeOf(ctx, container)) === "running") {
    await drainNode(ctx, node);
    await keepImages({ engine, container, signal }, await shipped());
    ctx.progress(-1, `stopping ${container}`);
    await stopContainer(engine, container, STOP_SECONDS, { signal, timeoutMs: CALL_TIMEOUT_MS });
  }
  await renameContainer(engine, container, beforeOf(container), { signal });
}

/** The container of the new image, with the node's state in it, not started. */
async function makeNext(ctx: ClusterContext, next: Node): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(next.meta!.name);
  const before = beforeOf(container);
  await removeContainer(engine, container, { signal, timeoutMs: CALL_TIMEOUT_MS });
  const authorities = authoritiesOf(engine, ctx.nodes, signal, (each) => (each === container ? before : each));
  await createNode(ctx, next, newBootstrapToken(), authorities);
  await carryState(engine, { from: before, to: container, signal });
  await putKubeletFiles(ctx, next);
}

/** `unborn`: not there, or never started. */
async function lifeOf({ tools, signal }: ClusterContext, container: string): Promise<"unborn" | "running" | "ended"> {
  const found = await findContainer(tools.engine, container, { signal });
  if (!found || new Date(found.State.StartedAt).getTime() <= 0) return "unborn";
  return found.State.Running ? "running" : "ended";
}

/** In the container that it is in now. */
async function hasImage(ctx: ClusterContext, node: Node): Promise<boolean> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const [image, found] = await Promise.all([
    findImage(engine, ctx.parameters.image, { signal }),
    findContainer(engine, containerNameOfNode(node.meta!.name), { signal }),
  ]);
  return image !== undefined && found?.Image === image.Id;
}

async function removeBefore({ tools, signal }: ClusterContext, { meta }: Node): Promise<void> {
  await removeContainer(tools.engine, beforeOf(containerNameOfNode(meta!.name)), { signal });
}

/** The container that it was before the upgrade, as it was. */
async function putBack(ctx: ClusterContext, node: Node): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(node.meta!.name);
  if (await findContainer(engine, beforeOf(container), { signal })) {
    await removeContainer(engine, container, { signal, timeoutMs: CALL_TIMEOUT_MS });
    await renameContainer(engine, beforeOf(container), container, { signal });
  }
  // Also where it was stopped and not renamed yet.
  await startContainer(engine, container, { signal, timeoutMs: CALL_TIMEOUT_MS });
  if (isControlPlane(node)) await returnControlPlane.do(ctx);
}

function beforeOf(container: string): string {
  return `${container}-before-upgrade`;
}
