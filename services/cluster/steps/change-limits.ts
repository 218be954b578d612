import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { updateContainer } from "../../common/engine/api/containers.ts";
import { engineInfo } from "../../common/engine/api/info.ts";
import { EngineError } from "../../common/engine/errors.ts";
import { MEMORY_UNLIMITED } from "../../common/engine/limits.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { changeOf, type NodeChange } from "../jobs/update-node.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const NANO_CPUS_OF_MILLI = 1e6;
const NANO_CPUS = 1e9;

/** The container's limits; what Kubernetes makes of them is its kubelet's to say, later. */
export const changeLimits: Step<ClusterContext> = {
  name: "change-limits",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const change = changeOf(ctx);
    if (!limitsDiffer(change)) return;
    ctx.progress(-1, "changing the container's limits");
    await setLimits(ctx, change.node);
  },
  async undo(ctx) {
    const change = changeOf(ctx);
    if (limitsDiffer(change)) await setLimits(ctx, change.before);
  },
};

export function limitsDiffer({ node: { spec }, before }: NodeChange): boolean {
  return spec!.cpuMillis !== before.spec.cpuMillis || spec!.memoryBytes !== before.spec.memoryBytes;
}

/** In an update 0 means "as it is", and the engine takes no other word for "no limit" than one that nothing reaches. */
async function setLimits(ctx: ClusterContext, { meta, spec }: Node): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const cpu = Number(spec!.cpuMillis) * NANO_CPUS_OF_MILLI || (await engineInfo(engine, { signal })).NCPU * NANO_CPUS;
  const memory = Number(spec!.memoryBytes) || MEMORY_UNLIMITED;
  const body = { NanoCpus: cpu, Memory: memory, MemorySwap: memory };
  const container = containerNameOfNode(meta!.name);
  try {
    await updateContainer(engine, container, body, { signal });
  } catch (error) {
    if (!(error instanceof EngineError) || error.statusCode === 0) throw error;
    throw failedPrecondition("LIMITS_REFUSED", `node ${container}: ${error.message}`, { container });
  }
}
