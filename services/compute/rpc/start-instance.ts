import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { changePower } from "./change-power.ts";

/** Starting what runs is well done already; what is paused is resumed instead. */
export const startInstance = changePower({
  verb: "start",
  from: [
    InstanceState.INSTANCE_STATE_STOPPED,
    InstanceState.INSTANCE_STATE_FAILED,
    InstanceState.INSTANCE_STATE_LOST,
    InstanceState.INSTANCE_STATE_STARTING,
    InstanceState.INSTANCE_STATE_RUNNING,
  ],
  advice: "stopped; a paused one is resumed",
  power: PowerState.POWER_STATE_RUNNING,
});
