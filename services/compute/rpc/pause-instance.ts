import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { changePower } from "./change-power.ts";

export const pauseInstance = changePower({
  verb: "pause",
  from: [
    InstanceState.INSTANCE_STATE_STARTING,
    InstanceState.INSTANCE_STATE_RUNNING,
    InstanceState.INSTANCE_STATE_PAUSED,
  ],
  advice: "running",
  power: PowerState.POWER_STATE_PAUSED,
});
