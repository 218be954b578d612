import type { CreateInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { responseOf } from "../../common/jobs/response.ts";
import { Instance, InstanceSpec, InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { LABEL_NAME, otherRealmOf } from "../../common/engine/labels.ts";
import { alreadyExists, resourceExhausted } from "../../common/errors/errors.ts";
import { checkId } from "../../common/names/ids.ts";
import { checkName, PROJECT, projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import type { CallContext } from "../../common/rpc/call.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { KnownRecord, Transaction } from "../../common/store/api.ts";
import type { ComputeContext } from "../context.ts";
import { imageProblem } from "../../common/engine/image-problem.ts";
import { checkSpec } from "../instances/check-spec.ts";
import { withDefaults } from "../instances/defaults.ts";
import { instanceKind, projectKind } from "../kinds.ts";
import { checkDemand } from "../placement/check-demand.ts";
import { place } from "../placement/place.ts";
import { onParent } from "../../common/rpc/handlers/access.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { needProject } from "./project-rules.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";

export function createInstance(compute: ComputeContext) {
  return unary<CreateInstanceRequest, Operation>({
    access: ({ parent }) => onParent(parent, "editor"),
    async handler(request, call) {
      const [wanted] = await Promise.all([
        check(compute, request, call),
        compute.hosts.whenKnown(`hosts/${compute.tools.host}`, call.signal),
      ]);
      if (request.validateOnly) return validated(compute, wanted);
      const key = requestKey(call, request.requestId);
      return compute.admission.run(async () => {
        let written: Instance | undefined;
        const forget = (): void => {
          if (written) compute.tools.network.release(written.meta!.uid);
          written = undefined;
        };
        const submission = compute.operations.submit({
          job: "create-instance",
          verb: "create",
          kind: instanceKind,
          target: wanted.name,
          project: projectOf(wanted.name),
          host: (instance) => instance.meta?.host ?? "",
          known: likely(compute, request.parent, wanted.name),
          retain: request.retain,
          ...(key === undefined ? {} : { requestKey: key }),
          write: async (tx) => {
            forget();
            written = await admit(compute, tx, wanted);
            return written;
          },
        });
        const operation = await submission.catch((error: unknown) => {
          forget();
          throw error;
        });
        // The next in turn must see this one, and the store's own word comes a moment later.
        if (written && operation.name === written.meta?.operation) compute.catalog.note(written);
        else forget();
        return operation;
      });
    },
  });
}

/** What the write will find, most likely: it asks where it does not. */
function likely({ projects, catalog }: ComputeContext, parent: string, name: string): KnownRecord[] {
  const project = projects.get(parent);
  return [
    ...(project ? [{ kind: projectKind, name: parent, record: project }] : []),
    ...(catalog.get(name) ? [] : [{ kind: instanceKind, name, record: undefined }]),
  ];
}

interface Wanted {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  spec: InstanceSpec;
  /** What is wrong with it in itself. */
  found: Violations;
}

/** Everything that does not depend on what else the realm has; nothing is refused yet. */
async function check(compute: ComputeContext, request: CreateInstanceRequest, call: CallContext): Promise<Wanted> {
  const { parent, instanceId, instance } = request;
  const { config, tools } = compute;
  const rules = { defaultImage: config.instanceImage, realmNetwork: tools.network.name };
  const asked = instance?.spec ?? InstanceSpec.fromPartial({});
  const found = new Violations();
  found.addAll(checkName(PROJECT, "parent", parent));
  found.addAll(checkId("instance_id", instanceId));
  checkMeta(found, "instance", instance?.meta);
  checkRequestId(found, request.requestId);
  const inSpec = checkSpec(asked, rules);
  found.addAll(inSpec);
  const spec = withDefaults(asked, { id: instanceId, defaultImage: config.instanceImage });
  if (!isElsewhere(spec, tools.host) && !inSpec.some(({ field }) => field === "instance.spec.image")) {
    const problem = await imageProblem(tools, spec.image, call.signal);
    if (problem !== undefined) found.add("instance.spec.image", problem);
  }
  checkNetworksExist(compute, spec, projectOf(parent), found);
  return {
    name: `${parent}/instances/${instanceId}`,
    labels: instance?.meta?.labels ?? {},
    annotations: instance?.meta?.annotations ?? {},
    spec,
    found,
  };
}

/**
 * On this host, as it is observed; another host's job looks for itself before it makes anything. A network that Gantry made for a project is
 * there for that project alone, and one of another realm for none.
 */
function checkNetworksExist({ tools }: ComputeContext, spec: InstanceSpec, project: string, found: Violations): void {
  if (isElsewhere(spec, tools.host)) return;
  const known = new Set<string>();
  for (const { name, labels } of tools.observer.all("network")) {
    const owner = projectOf(labels[LABEL_NAME] ?? "");
    const ownRealm = otherRealmOf(labels, tools.realm) === undefined;
    if (ownRealm && (owner === "" || owner === project)) known.add(name);
  }
  for (const [i, name] of spec.networks.entries()) {
    found.check(known.has(name), `instance.spec.networks[${i}]`, `there is no network "${name}"`);
  }
}

/** What it asks for by name says nothing of another host. */
function isElsewhere({ placement }: InstanceSpec, host: string): boolean {
  return placement !== undefined && placement.host !== "" && placement.host !== host;
}

/** Refuses or writes. In the transaction, so that a repeated request gets its first answer whatever has become of the realm since. */
async function admit(compute: ComputeContext, tx: Transaction, wanted: Wanted): Promise<Instance> {
  const instance = await admissible(compute, tx, wanted);
  // A project with a quota is written too: of two instances created at the same moment, by whichever processes, the second is counted with
  // the first.
  const project = await needProject(tx, projectOf(wanted.name));
  if (project.spec?.instancesMax) tx.put(projectKind, project);
  tx.create(instanceKind, instance);
  const { host, uid } = instance.meta!;
  const { tools, isActive } = compute;
  // The addresses of a host are given out by one process.
  const ipv4 = host === tools.host && isActive() ? tools.network.reserveNow(uid) : undefined;
  if (ipv4 !== undefined) instance.reservation = { ipv4, gpus: [] };
  return instance;
}

async function admissible(compute: ComputeContext, tx: Transaction, wanted: Wanted): Promise<Instance> {
  const { config, catalog, hosts } = compute;
  const { name, labels, annotations, spec } = wanted;
  const project = projectOf(name);
  // What the first of that name holds (ports, devices) must not be told as a fault of the second.
  if (wanted.found.empty && catalog.get(name) && (await tx.get(instanceKind, name))) throw alreadyExists(name);
  const candidates = hosts.candidates(catalog);
  new Violations()
    .addAll(wanted.found.list)
    .addAll(checkDemand(spec, candidates, project))
    .throwIfAny();
  await checkQuota(compute, tx, name);
  const host = place({ spec, project }, candidates, config.placement);
  return Instance.fromPartial({
    meta: { name, labels, annotations, host },
    spec,
    status: { state: InstanceState.INSTANCE_STATE_CREATING },
  });
}

async function checkQuota({ store }: ComputeContext, tx: Transaction, name: string): Promise<void> {
  const project = await needProject(tx, projectOf(name));
  const max = project.spec?.instancesMax ?? 0;
  if (max === 0) return;
  let count = 0;
  for await (const _ of store.all(instanceKind, `${project.meta!.name}/instances/`)) count += 1;
  if (count >= max)
    throw resourceExhausted("project.instances_max", `${project.meta!.name} has ${count} of ${max} instances`);
}

/** validate_only: as it would be, with nothing written. */
async function validated(compute: ComputeContext, wanted: Wanted): Promise<Operation> {
  const instance = await compute.store.transact(async (tx) => {
    const wouldBe = await admissible(compute, tx, wanted);
    if (await tx.get(instanceKind, wanted.name)) throw alreadyExists(wanted.name);
    return wouldBe;
  });
  const response = responseOf(instanceKind, instance);
  return { name: "", metadata: undefined, done: true, result: { $case: "response", value: response } };
}
