import { type Instance, InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { InstanceJob } from "../../../proto/gen/gantry/compute/v1/job.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { notFound } from "../../common/errors/errors.ts";
import type { JobContext } from "../../common/jobs/api.ts";
import { readMetadata } from "../../common/jobs/metadata.ts";
import { formatEngineName } from "../../common/names/engine-names.ts";
import { idOf, projectOf } from "../../common/names/resource-names.ts";
import type { CommitOptions, Transaction } from "../../common/store/api.ts";
import type { HostTools } from "../host-tools.ts";
import type { ViewMount } from "../instances/container-options.ts";
import { instanceKind } from "../kinds.ts";

/** What the steps of a job on an instance share. */
export interface InstanceContext extends JobContext {
  readonly tools: HostTools;
  /** `projects/<p>/instances/<id>`. */
  readonly name: string;
  readonly uid: string;
  /** Name on the engine. */
  readonly containerName: string;
  readonly parameters: InstanceJob;
  /** As last read or written by this job. */
  instance: Instance;
  /** This run has made the container: nothing that was observed before is of another start. */
  isNew: boolean;
  /** Of the host, as it was looked up for this run; never rejects. */
  limitsView: Promise<readonly ViewMount[]> | undefined;
  /** Empty until a step has found or made the container. */
  containerId: string;
  /** What the engine said of the container last. */
  container: ContainerState | undefined;
  innerEngineVersion: string;
}

/** NOT_FOUND when the instance is gone, or is a later one of the same name. */
export async function instanceContext(base: JobContext, tools: HostTools): Promise<InstanceContext> {
  const { target, targetUid } = readMetadata(base.operation);
  const instance = (base.target as Instance | undefined) ?? (await base.store.get(instanceKind, target));
  if (!instance?.meta || (targetUid !== "" && instance.meta.uid !== targetUid)) throw notFound(target);
  return {
    ...base,
    tools,
    name: target,
    uid: instance.meta.uid,
    containerName: formatEngineName(projectOf(target), idOf(target)),
    parameters: InstanceJob.decode(base.operation.payload),
    instance,
    isNew: false,
    limitsView: undefined,
    containerId: "",
    container: undefined,
    innerEngineVersion: "",
  };
}

/** Changes the instance's record under the job's fence; `change` returns false to leave it. */
export async function updateInstance(
  ctx: InstanceContext,
  change: (instance: Instance) => void | false,
  options: CommitOptions = {},
): Promise<void> {
  ctx.instance = await ctx.store.mutate(
    instanceKind,
    ctx.name,
    (instance) => {
      if (instance.meta?.uid !== ctx.uid) throw notFound(ctx.name);
      return change(instance);
    },
    { fence: ctx.fence, ...options },
  );
  ctx.tools.catalog.note(ctx.instance);
}

/** The instance as the transaction sees it, when it is still this job's: not deleted, and not taken over by a delete. */
export async function ownInstance(ctx: InstanceContext, tx: Transaction): Promise<Instance | undefined> {
  const instance = await tx.get(instanceKind, ctx.name);
  const mine = instance?.meta?.uid === ctx.uid && instance.meta.operation === ctx.operation.operation?.name;
  return mine ? instance : undefined;
}

/** The instance as this process knows it now. */
export function knownInstance(ctx: InstanceContext): Instance | undefined {
  return ctx.tools.catalog.get(ctx.name);
}

/** The fields of a spec that can change; nothing secret is among them. */
export function mutableFields(spec: InstanceSpec): InstanceSpec {
  const { cpuMillis, memoryBytes, pidsMax, restartPolicy, power, stopTimeout } = spec;
  return InstanceSpec.fromPartial({ cpuMillis, memoryBytes, pidsMax, restartPolicy, power, stopTimeout: stopTimeout! });
}
