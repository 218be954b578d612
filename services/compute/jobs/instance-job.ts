import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Any } from "../../../proto/gen/google/protobuf/any.ts";
import { failedPrecondition, type GantryError } from "../../common/errors/errors.ts";
import type { Job, Step } from "../../common/jobs/api.ts";
import { responseOf } from "../../common/jobs/response.ts";
import type { Transaction } from "../../common/store/api.ts";
import { setCondition } from "../../common/observe/condition.ts";
import type { HostTools } from "../host-tools.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import { instanceKind } from "../kinds.ts";
import { settledStatus } from "../observe/instance-status.ts";
import { type InstanceContext, instanceContext, knownInstance, ownInstance } from "./context.ts";

/** Of the condition that tells why the last job on the instance failed. */
export const CONDITION_OPERATION = "LastOperation";

export interface InstanceJobOptions {
  name: string;
  steps: readonly Step<InstanceContext>[];
  tools: HostTools;
}

/** A job whose end brings the instance's record in line with what the engine said last. On failure the spec is what it was before. */
export function instanceJob({ name, steps, tools }: InstanceJobOptions): Job<InstanceContext> {
  return {
    name,
    steps,
    context: (base) => instanceContext(base, tools),
    plansAtOnce: true,
    known: knownInstance,
    succeed: (ctx, tx) => succeedWith(ctx, tx),
    async fail(ctx, tx, error) {
      const instance = await ownInstance(ctx, tx);
      if (!instance?.spec) return;
      const { previous } = ctx.parameters;
      if (previous) {
        const { cpuMillis, memoryBytes, pidsMax, restartPolicy, power, stopTimeout } = previous;
        Object.assign(instance.spec, { cpuMillis, memoryBytes, pidsMax, restartPolicy, power, stopTimeout });
      }
      writeFailure(ctx, instance, error, tx.now);
      tx.put(instanceKind, instance);
    },
  };
}

export async function succeedWith(ctx: InstanceContext, tx: Transaction): Promise<Any> {
  const instance = await ownInstance(ctx, tx);
  if (!instance?.meta) throw failedPrecondition("TAKEN_OVER", `${ctx.name} is being deleted`);
  writeStatus(ctx, instance, tx.now);
  instance.status!.observedGeneration = instance.meta.generation;
  const at = instance.status!.conditions.findIndex((condition) => condition.type === CONDITION_OPERATION);
  if (at !== -1) instance.status!.conditions.splice(at, 1);
  instance.meta.operation = "";
  tx.put(instanceKind, instance);
  return responseOf(instanceKind, instance);
}

/** From what was seen last; a job that never looked leaves the container as the observer knows it. */
function writeStatus(ctx: InstanceContext, instance: Instance, now: Date): void {
  const id = ctx.containerId || (instance.status?.containerId ?? "");
  const container = ctx.container ?? ctx.tools.observer.get("container", id);
  const inner = instance.spec !== undefined && hasInnerEngine(instance.spec);
  const answered = ctx.innerEngineVersion !== "";
  const knew = instance.status?.conditions.some(
    (condition) => condition.type === "InnerEngineReady" && condition.status === ConditionStatus.CONDITION_STATUS_TRUE,
  );
  instance.status = settledStatus(instance, container, inner && (answered || knew === true), now);
  instance.status.gpus = instance.reservation?.gpus ?? [];
  if (answered) instance.status.innerEngineVersion = ctx.innerEngineVersion;
}

export function writeFailure(ctx: InstanceContext, instance: Instance, error: GantryError, now: Date): void {
  writeStatus(ctx, instance, now);
  setCondition(
    instance.status!.conditions,
    {
      type: CONDITION_OPERATION,
      status: ConditionStatus.CONDITION_STATUS_FALSE,
      reason: "Failed",
      message: error.message,
    },
    now,
  );
}
