import { type Instance, InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { InstanceJob } from "../../../proto/gen/gantry/compute/v1/job.ts";
import type { Duration } from "../../../proto/gen/google/protobuf/duration.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { beingDeleted, failedPrecondition } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import type { CallContext } from "../../common/rpc/call.ts";
import type { ComputeContext } from "../context.ts";
import { mutableFields } from "../jobs/context.ts";
import { instanceKind } from "../kinds.ts";
import { requestKey } from "../../common/rpc/handlers/request-key.ts";

export interface VerbOptions {
  /** As in OperationMetadata.verb; its job is `<verb>-instance`. */
  verb: "update" | "start" | "stop" | "restart" | "pause" | "resume" | "resize";
  name: string;
  etag: string;
  requestId: string;
  /** Writes what is wanted, or throws why it can't be. */
  change: (instance: Instance) => void;
  stopTimeout?: Duration | undefined;
}

/** What all changes of an instance that exists have in common. */
export function submitVerb(
  { operations }: ComputeContext,
  call: CallContext,
  options: VerbOptions,
): Promise<Operation> {
  const { verb, name, etag, requestId, change, stopTimeout } = options;
  const parameters = InstanceJob.fromPartial(stopTimeout ? { stopTimeout } : {});
  const key = requestKey(call, requestId);
  return operations.submit({
    job: `${verb}-instance`,
    verb,
    kind: instanceKind,
    target: name,
    project: projectOf(name),
    host: (instance) => instance.meta?.host ?? "",
    payload: () => InstanceJob.encode(parameters).finish(),
    ...(key === undefined ? {} : { requestKey: key }),
    async write(tx) {
      const instance = await tx.need(instanceKind, name);
      checkEtag(name, etag, instance.meta!.etag);
      if (instance.meta!.deleteTime) throw beingDeleted(name);
      parameters.previous = mutableFields(instance.spec!);
      change(instance);
      tx.put(instanceKind, instance);
      return instance;
    },
  });
}

const LABEL_OF_STATE = new Map<number, string>(
  Object.entries(InstanceState).map(([name, value]) => [value, name.replace("INSTANCE_STATE_", "")]),
);

/** FAILED_PRECONDITION WRONG_STATE with what to do, unless the instance is in one of the states. */
export function needState(instance: Instance, verb: string, states: readonly InstanceState[], advice: string): void {
  const state = instance.status?.state ?? InstanceState.INSTANCE_STATE_UNSPECIFIED;
  if (states.includes(state)) return;
  const shown = LABEL_OF_STATE.get(state) ?? String(state);
  const name = instance.meta!.name;
  throw failedPrecondition("WRONG_STATE", `${name} is ${shown}: ${verb} needs it to be ${advice}`, {
    name,
    state: shown,
  });
}
