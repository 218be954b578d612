import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { changePower } from "./change-power.ts";

export const restartInstance = changePower({
  verb: "restart",
  from: [
    InstanceState.INSTANCE_STATE_STARTING,
    InstanceState.INSTANCE_STATE_RUNNING,
    InstanceState.INSTANCE_STATE_FAILED,
  ],
  advice: "running; a stopped one is started, a paused one resumed",
  power: PowerState.POWER_STATE_RUNNING,
});
