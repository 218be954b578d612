import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { instanceKind } from "../kinds.ts";
import { createContainerStep } from "../steps/create-container.ts";
import { ensureNetwork } from "../steps/ensure-network.ts";
import { pullImageStep } from "../steps/pull-image.ts";
import { putFiles } from "../steps/put-files.ts";
import { reserve } from "../steps/reserve.ts";
import { startContainerStep } from "../steps/start-container.ts";
import { runUserData } from "../steps/user-data.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { type InstanceContext, instanceContext, knownInstance, ownInstance } from "./context.ts";
import { succeedWith, writeFailure } from "./instance-job.ts";

export function createInstanceJob(tools: HostTools): Job<InstanceContext> {
  return {
    name: "create-instance",
    steps: [
      pullImageStep,
      ensureNetwork,
      reserve,
      createContainerStep,
      putFiles,
      startContainerStep,
      waitReady,
      runUserData,
    ],
    context: (base) => instanceContext(base, tools),
    plansAtOnce: true,
    known: knownInstance,
    succeed: succeedWith,
    /** Nothing of it is left: the record goes too, unless it is kept for inspection or a delete is on its way. */
    async fail(ctx, tx, error) {
      const instance = await ownInstance(ctx, tx);
      if (!instance) return;
      ctx.tools.network.release(ctx.uid);
      const { retain, cancelRequested } = ctx.operation;
      if (!retain || cancelRequested) return tx.delete(instanceKind, ctx.name);
      writeFailure(ctx, instance, error, tx.now);
      instance.status!.state = InstanceState.INSTANCE_STATE_FAILED;
      tx.put(instanceKind, instance);
    },
  };
}
