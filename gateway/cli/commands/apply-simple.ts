import { Mirror, Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
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

export async function applyProject(cli: Cli, wanted: Wanted, options: ApplyOptions): Promise<void> {
  const { compute } = cli.connection;
  const project = Project.decode(wanted.bytes);
  await createOrUpdate(cli, wanted, options, {
    create: () =>
      cli.connection.call(compute, compute.createProject, {
        projectId: wanted.name.split("/")[1] ?? "",
        project,
        requestId: newRequestId(),
      }),
    update: (updateMask) =>
      cli.connection.call(compute, compute.updateProject, { project, updateMask, requestId: newRequestId() }),
  });
}

export async function applyMirror(cli: Cli, wanted: Wanted, options: ApplyOptions): Promise<void> {
  const { compute } = cli.connection;
  const mirror = Mirror.decode(wanted.bytes);
  const [, project, , mirrorId = ""] = wanted.name.split("/");
  const parent = `projects/${project}`;
  await createOrUpdate(cli, wanted, options, {
    create: () =>
      cli.connection.call(compute, compute.createMirror, { parent, mirrorId, mirror, requestId: newRequestId() }),
    update: (updateMask) =>
      cli.connection.call(compute, compute.updateMirror, { mirror, updateMask, requestId: newRequestId() }),
  });
}

async function createOrUpdate(
  cli: Cli,
  wanted: Wanted,
  options: ApplyOptions,
  calls: { create: () => Promise<unknown>; update: (updateMask: string[]) => Promise<unknown> },
): Promise<void> {
  const label = `${wanted.kind.singular}/${wanted.name.split("/").pop()}`;
  const current = await getOrUndefined(wanted.kind, cli, wanted.name);
  const json = current === undefined ? {} : toJson(wanted.kind, current);
  const changed = [...changedSpecFields(wanted, json), ...changedMetaFields(wanted, json)];
  if (current !== undefined && changed.length === 0) cli.print(`${label} unchanged`);
  else if (options.dryRun)
    cli.print(current === undefined ? `${label} would be created` : `${label} would change: ${changed.join(", ")}`);
  else if (current === undefined) {
    await calls.create();
    cli.print(`${label} created`);
  } else {
    await calls.update(changed);
    cli.print(`${label} updated`);
  }
}
