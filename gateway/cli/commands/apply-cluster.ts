import { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { Cli } from "../cli.ts";
import type { KindConfig } from "../kind-config/kind-config.ts";
import { toJson } from "../output/json.ts";
import { findKind } from "../resources.ts";
import {
  type ApplyOptions,
  changedMetaFields,
  changedSpecFields,
  getOrUndefined,
  newRequestId,
  type Wanted,
} from "./apply.ts";
import { createClusters } from "./create-cluster.ts";
import { runOperations } from "./run-operations.ts";

export async function applyCluster(cli: Cli, wanted: Wanted, options: ApplyOptions): Promise<void> {
  const cluster = Cluster.decode(wanted.bytes);
  const label = `cluster/${wanted.name.split("/").pop()}`;
  const current = await getOrUndefined(wanted.kind, cli, wanted.name);
  if (current === undefined) {
    const start = () => create(cli, wanted.name, cluster, options.dryRun);
    await runOperations(cli, [{ label, start }], options.dryRun ? "would be created" : "created", true);
    return;
  }
  const json = toJson(wanted.kind, current);
  // What is no longer to be changed of a spec, the service refuses by name.
  const changed = [...changedSpecFields(wanted, json), ...changedMetaFields(wanted, json)];
  if (changed.length === 0) cli.print(`${label} unchanged`);
  else if (options.dryRun) cli.print(`${label} would change: ${changed.join(", ")}`);
  else {
    const client = await cli.connection.cluster();
    await cli.connection.call(client, client.updateCluster, {
      cluster,
      updateMask: changed,
      requestId: newRequestId(),
    });
    cli.print(`${label} updated`);
  }
}

/** Says how a cluster is made: one that is there already stays as it is, as it does with kind. */
export async function applyKindConfig(cli: Cli, { name, spec }: KindConfig, options: ApplyOptions): Promise<void> {
  const kind = findKind("cluster");
  const current = await getOrUndefined(kind, cli, kind.fullName(name, cli.project));
  if (current === undefined) await createClusters(cli, [name], spec, { dryRun: options.dryRun });
  else
    cli.print(
      `cluster/${name} is there already: a configuration of kind says how a cluster is made, not how it is changed`,
    );
}

async function create(cli: Cli, name: string, cluster: Cluster, validateOnly: boolean): Promise<Operation> {
  const { connection } = cli;
  const [, project, , clusterId = ""] = name.split("/");
  const client = await connection.cluster();
  const request = {
    parent: `projects/${project}`,
    clusterId,
    cluster,
    requestId: newRequestId(),
    validateOnly,
    retain: false,
  };
  return connection.call(client, client.createCluster, request);
}
