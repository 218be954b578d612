import { listContainers, removeContainer } from "../../common/engine/api/containers.ts";
import { listVolumes, removeVolume } from "../../common/engine/api/volumes.ts";
import type { Engine } from "../../common/engine/engine.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { LABEL_UID } from "../../common/engine/labels.ts";
import { clusterOfNode, engineNameOfCluster } from "../clusters/names.ts";
import { LABEL_KIND_CLUSTER } from "./container-options.ts";
import { isContainerOf } from "./own-container.ts";

export interface FoundContainer {
  id: string;
  name: string;
  /** As the engine says it: `running`, `exited`... */
  state: string;
  /** Of the node. */
  uid: string;
}

/** The containers of nodes of one cluster. Found by label: no table of ours can disagree with the engine. */
export async function findNodeContainers(
  engine: Engine,
  nodes: readonly Node[],
  signal: AbortSignal,
): Promise<FoundContainer[]> {
  const [first] = nodes;
  if (!first) return [];
  const engineName = engineNameOfCluster(clusterOfNode(first.meta!.name));
  const containers = await listContainers(engine, { label: [`${LABEL_KIND_CLUSTER}=${engineName}`] }, { signal });
  return containers.flatMap(({ Id: id, Names, State: state, Labels }) => {
    const node = nodes.find((each) => isContainerOf(each, id, Labels));
    return node ? [{ id, name: (Names[0] ?? "").slice(1), state, uid: node.meta!.uid }] : [];
  });
}

/** Containers and volumes of nodes. What is gone already is no fault. */
export async function removeNodeContainers(engine: Engine, nodes: readonly Node[], signal: AbortSignal): Promise<void> {
  const found = await findNodeContainers(engine, nodes, signal);
  await Promise.all(found.map(({ id }) => removeContainer(engine, id, { signal })));
  // An anonymous volume goes with its container, unless the engine was killed between the two.
  const uids = new Set(nodes.map(({ meta }) => meta!.uid));
  const volumes = (await listVolumes(engine, { signal })).filter(({ Labels }) => uids.has(Labels?.[LABEL_UID] ?? ""));
  await Promise.all(volumes.map(({ Name }) => removeVolume(engine, Name, { signal })));
}
