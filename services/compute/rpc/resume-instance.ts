import type { ResumeInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { onName } from "./access.ts";
import { needState, submitVerb } from "./instance-verb.ts";
import { checkRequestId } from "./request-key.ts";

const STATES = [InstanceState.INSTANCE_STATE_PAUSED, InstanceState.INSTANCE_STATE_RUNNING];

export function resumeInstance(compute: ComputeContext) {
  return unary<ResumeInstanceRequest, Operation>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    handler({ name, etag, requestId }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      found.throwIfAny();
      return submitVerb(compute, call, {
        verb: "resume",
        name,
        etag,
        requestId,
        change(instance) {
          needState(instance, "resume", STATES, "paused");
          instance.spec!.power = PowerState.POWER_STATE_RUNNING;
        },
      });
    },
  });
}
