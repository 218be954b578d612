import type { ResizeInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { type Instance, InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { formatName, HOST, INSTANCE } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { checkPids, checkSize } from "../instances/check-spec.ts";
import { CPU_MILLIS_MIN, MEMORY_BYTES_MIN } from "../instances/limits.ts";
import { freeOf } from "../placement/candidate.ts";
import { checkSizes } from "../placement/check-demand.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { needState, submitVerb } from "./instance-verb.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";

const STATES = [
  InstanceState.INSTANCE_STATE_STARTING,
  InstanceState.INSTANCE_STATE_RUNNING,
  InstanceState.INSTANCE_STATE_PAUSED,
  InstanceState.INSTANCE_STATE_STOPPED,
  InstanceState.INSTANCE_STATE_FAILED,
];

export function resizeInstance(compute: ComputeContext) {
  return unary<ResizeInstanceRequest, Operation>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    handler(request, call) {
      const { name, etag, requestId } = request;
      const found = new Violations();
      checkRequestId(found, requestId);
      const limits = given(request);
      found.check(Object.keys(limits).length > 0, "", "one of cpu_millis, memory_bytes and pids_max must be given");
      checkSize(found, "cpu_millis", limits.cpuMillis ?? 0n, CPU_MILLIS_MIN);
      checkSize(found, "memory_bytes", limits.memoryBytes ?? 0n, MEMORY_BYTES_MIN);
      checkPids(found, "pids_max", limits.pidsMax ?? 0n);
      return submitVerb(compute, call, {
        verb: "resize",
        name,
        etag,
        requestId,
        change(instance) {
          const all = new Violations().addAll(found.list);
          checkCapacity(compute, instance, limits, all);
          all.throwIfAny();
          needState(instance, "resize", STATES, "there");
          checkRoom(compute, instance, limits);
          Object.assign(instance.spec!, limits);
        },
      });
    },
  });
}

type Limits = Partial<Record<"cpuMillis" | "memoryBytes" | "pidsMax", bigint>>;

/** Unset limits stay as they are. */
function given({ cpuMillis, memoryBytes, pidsMax }: ResizeInstanceRequest): Limits {
  return {
    ...(cpuMillis === undefined ? {} : { cpuMillis }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(pidsMax === undefined ? {} : { pidsMax }),
  };
}

function checkCapacity({ hosts }: ComputeContext, instance: Instance, limits: Limits, found: Violations): void {
  const host = hosts.get(formatName(HOST, { host: instance.meta!.host }));
  if (host) checkSizes(found, { cpuMillis: 0n, memoryBytes: 0n, diskBytes: 0n, ...limits }, [host], "");
}

/** Only what grows needs room. */
function checkRoom({ hosts, catalog, config }: ComputeContext, instance: Instance, limits: Limits): void {
  const { host: id, name } = instance.meta!;
  const host = hosts.get(formatName(HOST, { host: id }));
  if (!host) return;
  const others = catalog.onHost(id).filter((other) => other.meta?.name !== name);
  const free = freeOf({ host, instances: others }, config.placement);
  for (const field of ["cpuMillis", "memoryBytes"] as const) {
    const wanted = limits[field];
    if (wanted === undefined || wanted <= instance.spec![field] || Number(wanted) <= free[field]) continue;
    const text = `host ${id} has ${Math.max(0, free[field])} ${field} free for it, ${wanted} asked for`;
    throw failedPrecondition("NO_HOST_FITS", text, { host: id });
  }
}
