import { listContainers, removeContainer } from "../../common/engine/api/containers.ts";
import { listVolumes, removeVolume } from "../../common/engine/api/volumes.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { KIND_NODE, LABEL_KIND, LABEL_UID } from "../../common/engine/labels.ts";

export interface FoundContainer {
  id: string;
  name: string;
  /** As the engine says it: `running`, `exited`... */
  state: string;
  /** Of the node. */
  uid: string;
}

/** The containers of nodes, by their uids. Found by label: no table of ours can disagree with the engine. */
export async function findNodeContainers(
  engine: Engine,
  uids: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<FoundContainer[]> {
  const containers = await listContainers(engine, { label: [`${LABEL_KIND}=${KIND_NODE}`] }, { signal });
  return containers.flatMap(({ Id: id, Names, State: state, Labels }) => {
    const uid = Labels[LABEL_UID] ?? "";
    return uids.has(uid) ? [{ id, name: (Names[0] ?? "").slice(1), state, uid }] : [];
  });
}

/** Containers and volumes of nodes. What is gone already is no fault. */
export async function removeNodeContainers(
  engine: Engine,
  uids: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const found = await findNodeContainers(engine, uids, signal);
  await Promise.all(found.map(({ id }) => removeContainer(engine, id, { signal })));
  // An anonymous volume goes with its container, unless the engine was killed between the two.
  const volumes = (await listVolumes(engine, { signal })).filter(({ Labels }) => uids.has(Labels?.[LABEL_UID] ?? ""));
  await Promise.all(volumes.map(({ Name }) => removeVolume(engine, Name, { signal })));
}
