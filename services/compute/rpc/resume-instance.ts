import { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { changePower } from "./change-power.ts";

export const resumeInstance = changePower({
  verb: "resume",
  from: [InstanceState.INSTANCE_STATE_PAUSED, InstanceState.INSTANCE_STATE_RUNNING],
  advice: "paused",
  power: PowerState.POWER_STATE_RUNNING,
});
