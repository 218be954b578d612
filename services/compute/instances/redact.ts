import { isAuthorized, type Principal } from "../../common/auth/principal.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { projectOf } from "../../common/names/resource-names.ts";

/** Without what may be secret: environment and user data. */
export function redacted(instance: Instance): Instance {
  return instance.spec ? { ...instance, spec: { ...instance.spec, env: {}, userData: "" } } : instance;
}

/** Whole for those who could read it inside the instance anyway, by exec. */
export function shownTo(principal: Principal, instance: Instance): Instance {
  const project = projectOf(instance.meta?.name ?? "");
  const whole = isAuthorized(principal, { role: "editor", project });
  return whole ? instance : redacted(instance);
}
