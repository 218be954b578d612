import { inspectContainer, updateContainer } from "../../common/engine/api/containers.ts";
import { engineInfo } from "../../common/engine/api/info.ts";
import { EngineError } from "../../common/engine/errors.ts";
import { MEMORY_UNLIMITED } from "../../common/engine/limits.ts";
import { containerFromInspect } from "../../common/engine/state.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { enginePolicy, limits } from "../instances/container-options.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const NANO_CPUS = 1e9;

/** New limits while it runs. The old ones come back when the job fails. */
export const resizeContainer: Step<InstanceContext> = {
  name: "resize-container",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    await applyLimits(ctx, ctx.instance.spec!);
    await checkLimits(ctx);
  },
  async undo(ctx) {
    if (ctx.parameters.previous) await applyLimits(ctx, ctx.parameters.previous);
  },
};

export const updatePolicy: Step<InstanceContext> = {
  name: "update-restart-policy",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  needed: (ctx) => ctx.instance.spec!.restartPolicy !== ctx.parameters.previous?.restartPolicy,
  async do(ctx) {
    const body = { RestartPolicy: enginePolicy(ctx.instance.spec!.restartPolicy) };
    await updateContainer(ctx.tools.engine, await needContainer(ctx), body, { signal: ctx.signal });
  },
};

type Limits = Pick<InstanceSpec, "cpuMillis" | "memoryBytes" | "pidsMax">;

/** In an update 0 means "as it is", and the engine takes no other word for "no limit" than one that nothing reaches. */
async function applyLimits(ctx: InstanceContext, spec: Limits): Promise<void> {
  const { engine } = ctx.tools;
  const wanted = limits(spec);
  const cpu = wanted.NanoCpus || (await engineInfo(engine, { signal: ctx.signal })).NCPU * NANO_CPUS;
  const memory = wanted.Memory || MEMORY_UNLIMITED;
  const body = { ...wanted, NanoCpus: cpu, Memory: memory, MemorySwap: memory };
  try {
    await updateContainer(engine, await needContainer(ctx), body, { signal: ctx.signal });
  } catch (error) {
    if (!(error instanceof EngineError) || error.statusCode === 0) throw error;
    throw failedPrecondition("RESIZE_REFUSED", error.message, { name: ctx.name });
  }
}

/** The engine may take an update without a word and leave a limit as it was. */
async function checkLimits(ctx: InstanceContext): Promise<void> {
  const raw = await inspectContainer(ctx.tools.engine, await needContainer(ctx), { signal: ctx.signal });
  ctx.container = containerFromInspect(raw);
  const wanted = limits(ctx.instance.spec!);
  const { Memory = 0, NanoCpus = 0 } = raw.HostConfig;
  const wrong = [
    ...(Memory === (wanted.Memory || MEMORY_UNLIMITED) ? [] : [`memory is ${Memory} bytes`]),
    ...(wanted.NanoCpus === 0 || NanoCpus === wanted.NanoCpus ? [] : [`processor is ${NanoCpus} billionths`]),
  ];
  if (wrong.length === 0) return;
  throw failedPrecondition("RESIZE_REFUSED", `the engine did not take the new limits: ${wrong.join(", ")}`);
}
