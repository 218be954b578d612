import type { StartInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { onName } from "./access.ts";
import { needState, submitVerb } from "./instance-verb.ts";
import { checkRequestId } from "./request-key.ts";

/** Starting what runs is well done already; what is paused is resumed instead. */
const STATES = [
  InstanceState.INSTANCE_STATE_STOPPED,
  InstanceState.INSTANCE_STATE_FAILED,
  InstanceState.INSTANCE_STATE_LOST,
  InstanceState.INSTANCE_STATE_STARTING,
  InstanceState.INSTANCE_STATE_RUNNING,
];

export function startInstance(compute: ComputeContext) {
  return unary<StartInstanceRequest, Operation>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    handler({ name, etag, requestId }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      found.throwIfAny();
      return submitVerb(compute, call, {
        verb: "start",
        name,
        etag,
        requestId,
        change(instance) {
          needState(instance, "start", STATES, "stopped; a paused one is resumed");
          instance.spec!.power = PowerState.POWER_STATE_RUNNING;
        },
      });
    },
  });
}
