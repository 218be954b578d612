import type { StopInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { checkTimeout } from "../instances/check-spec.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { needState, submitVerb } from "./instance-verb.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";

/** Stopping what does not run is well done already: it also keeps it from being started again. */
const STATES = [
  InstanceState.INSTANCE_STATE_STARTING,
  InstanceState.INSTANCE_STATE_RUNNING,
  InstanceState.INSTANCE_STATE_PAUSED,
  InstanceState.INSTANCE_STATE_STOPPED,
  InstanceState.INSTANCE_STATE_FAILED,
];

export function stopInstance(compute: ComputeContext) {
  return unary<StopInstanceRequest, Operation>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    handler({ name, etag, requestId, timeout }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      checkTimeout(found, timeout, "timeout");
      found.throwIfAny();
      return submitVerb(compute, call, {
        verb: "stop",
        name,
        etag,
        requestId,
        stopTimeout: timeout,
        change(instance) {
          needState(instance, "stop", STATES, "running");
          instance.spec!.power = PowerState.POWER_STATE_STOPPED;
          instance.status!.state = InstanceState.INSTANCE_STATE_STOPPING;
        },
      });
    },
  });
}
