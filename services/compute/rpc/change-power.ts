import type { InstanceState, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { needState, submitVerb, type VerbOptions } from "./instance-verb.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";

export interface PowerChange {
  verb: VerbOptions["verb"];
  /** States it can be done in. */
  from: readonly InstanceState[];
  /** What the instance is to be brought to where it is in another state, for the error. */
  advice: string;
  power: PowerState;
}

/** Verbs that change nothing but what the instance should be doing. */
export function changePower({ verb, from, advice, power }: PowerChange) {
  return (compute: ComputeContext) =>
    unary<{ name: string; etag: string; requestId: string }, Operation>({
      access: ({ name }) => onName(INSTANCE, name, "editor"),
      handler({ name, etag, requestId }, call) {
        const found = new Violations();
        checkRequestId(found, requestId);
        found.throwIfAny();
        const change: VerbOptions["change"] = (instance) => {
          needState(instance, verb, from, advice);
          instance.spec!.power = power;
        };
        return submitVerb(compute, call, { verb, name, etag, requestId, change });
      },
    });
}
