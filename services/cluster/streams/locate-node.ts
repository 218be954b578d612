import type Docker from "dockerode";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { findContainer } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { isContainerOf } from "../nodes/own-container.ts";

const INSPECT_TIMEOUT_MS = 10_000;

/** The container of a node on this host's engine; undefined when there is none. */
export async function findNodeContainer(
  engine: Engine,
  node: Node,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | undefined> {
  const limits = { signal, timeoutMs: INSPECT_TIMEOUT_MS };
  const container = await findContainer(engine, containerNameOfNode(node.meta!.name), limits);
  return container && isContainerOf(node, container.Id, container.Config.Labels) ? container : undefined;
}

/** FAILED_PRECONDITION NODE_HAS_NO_CONTAINER or NODE_NOT_RUNNING, with what to do, unless the node's container runs. */
export async function runningContainer(
  engine: Engine,
  node: Node,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const { name } = node.meta!;
  const container = await findNodeContainer(engine, node, signal);
  if (!container) {
    const text = `${name} has no container: it is being made, or was removed from its engine; its state says which`;
    throw failedPrecondition("NODE_HAS_NO_CONTAINER", text, { name });
  }
  const { Paused, Running, Restarting, Status } = container.State;
  if (Paused) throw notRunning(name, "is paused: resume its cluster first");
  if (!Running || Restarting) throw notRunning(name, `is not running (${Status}): start its cluster first`);
  return container;
}

function notRunning(name: string, text: string): Error {
  return failedPrecondition("NODE_NOT_RUNNING", `${name} ${text}`, { name });
}
