import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { Instance, PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Cli } from "../cli.ts";
import { toJson } from "../output/json.ts";
import {
  type ApplyOptions,
  changedMetaFields,
  changedSpecFields,
  getOrUndefined,
  newRequestId,
  type Wanted,
} from "./apply.ts";
import { runOperations } from "./run-operations.ts";

const resizable = ["spec.cpu_millis", "spec.memory_bytes", "spec.pids_max"];

export async function applyInstance(cli: Cli, wanted: Wanted, options: ApplyOptions): Promise<void> {
  const instance = Instance.decode(wanted.bytes);
  const current = await getOrUndefined(wanted.kind, cli, wanted.name);
  const label = `instance/${wanted.name.split("/").pop()}`;
  if (current === undefined) {
    const start = () => create(cli, wanted.name, instance, options.dryRun);
    await runOperations(cli, [{ label, start }], options.dryRun ? "would be created" : "created", true);
    return;
  }
  const changed = [
    ...changedSpecFields(wanted, toJson(wanted.kind, current)),
    ...changedMetaFields(wanted, toJson(wanted.kind, current)),
  ];
  if (changed.length === 0 || options.dryRun) {
    cli.print(changed.length === 0 ? `${label} unchanged` : `${label} would change: ${changed.join(", ")}`);
    return;
  }
  const updateMask = changed.filter((field) => !resizable.includes(field) && field !== "spec.power");
  const { connection } = cli;
  const { compute } = connection;
  const spec = instance.spec;
  const name = wanted.name;
  // The update first: it is what refuses a change of an immutable field, before anything else was done.
  if (updateMask.length > 0) {
    const ok = await step(cli, label, "updated", () =>
      connection.call(compute, compute.updateInstance, { instance, updateMask, requestId: newRequestId() }),
    );
    if (!ok) return;
  }
  if (changed.some((field) => resizable.includes(field))) {
    const limits = {
      cpuMillis: changed.includes("spec.cpu_millis") ? spec?.cpuMillis : undefined,
      memoryBytes: changed.includes("spec.memory_bytes") ? spec?.memoryBytes : undefined,
      pidsMax: changed.includes("spec.pids_max") ? spec?.pidsMax : undefined,
    };
    const ok = await step(cli, label, "resized", () =>
      connection.call(compute, compute.resizeInstance, { name, etag: "", requestId: newRequestId(), ...limits }),
    );
    if (!ok) return;
  }
  if (changed.includes("spec.power"))
    await step(cli, label, "power changed", () => setPower(cli, name, current as Instance, spec?.power));
}

async function step(cli: Cli, label: string, done: string, start: () => Promise<Operation>): Promise<boolean> {
  return runOperations(cli, [{ label, start }], done, true);
}

function create(cli: Cli, name: string, instance: Instance, validateOnly: boolean): Promise<Operation> {
  const { connection } = cli;
  const [, project, , id] = name.split("/");
  return connection.call(connection.compute, connection.compute.createInstance, {
    parent: `projects/${project}`,
    instanceId: id ?? "",
    instance,
    requestId: newRequestId(),
    validateOnly,
    retain: false,
  });
}

function setPower(cli: Cli, name: string, current: Instance, power: PowerState | undefined): Promise<Operation> {
  const { connection } = cli;
  const { compute } = connection;
  const request = { name, etag: "", requestId: newRequestId() };
  if (power === PowerState.POWER_STATE_STOPPED)
    return connection.call(compute, compute.stopInstance, { ...request, timeout: undefined });
  if (power === PowerState.POWER_STATE_PAUSED) return connection.call(compute, compute.pauseInstance, request);
  if (current.spec?.power === PowerState.POWER_STATE_PAUSED)
    return connection.call(compute, compute.resumeInstance, request);
  return connection.call(compute, compute.startInstance, request);
}
