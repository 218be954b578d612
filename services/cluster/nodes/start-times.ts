import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { inspectContainer } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { containerFromInspect } from "../../common/engine/state.ts";
import { containerNameOfNode } from "../clusters/names.ts";

/** When the present life of each node's container began, by uid, in ms. Whole seconds, as Kubernetes' own times are. */
export async function startTimes(
  engine: Engine,
  nodes: readonly Node[],
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const times = nodes.map(async ({ meta }): Promise<[string, number]> => {
    const raw = await inspectContainer(engine, containerNameOfNode(meta!.name), { signal });
    return [meta!.uid, Math.floor((containerFromInspect(raw).startTime?.getTime() ?? 0) / 1_000) * 1_000];
  });
  return new Map(await Promise.all(times));
}
