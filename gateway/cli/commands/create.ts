import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { Meta } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { Mirror, type MirrorSelector, Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { formatItems } from "../output/print.ts";
import { findKind } from "../resources.ts";
import { splitAtDashes } from "../arguments.ts";
import { addInstanceOptions, type InstanceOptions, instanceSpec } from "./instance-options.ts";
import { runOperations } from "./run-operations.ts";
import { registerClusterCreate } from "./create-cluster.ts";
import { registerTokenCreate } from "./token.ts";

interface CreateOptions extends InstanceOptions {
  label?: string[];
  dryRun?: boolean;
  wait?: boolean;
  retain?: boolean;
}

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function register(program: Command, cli: Cli): void {
  const create = program
    .command("create")
    .alias("add")
    .description("make instances, clusters, projects, mirrors and tokens");
  registerInstance(create, cli);
  registerClusterCreate(create, cli);
  registerProject(create, cli);
  registerMirror(create, cli);
  registerTokenCreate(create, cli);
}

function registerInstance(create: Command, cli: Cli): void {
  const command = create
    .command("instance")
    .summary("compute instances")
    .description(
      "Makes instances and waits until they run. Arguments of the image's program stand behind --.\n" +
        "  gantry add instance web --cpus 2 --memory 2Gi\n" +
        "  gantry add instance db --image redis -- redis-server --save ''",
    )
    .argument("<names...>", "ids of the new instances")
    .option("--label <key=value>", "label (repeatable)", collect)
    .option("--dry-run", "check everything, make nothing")
    .option("--no-wait", "return at once with the operation's name")
    .option("--retain", "when it fails keep what was made, for inspection");
  addInstanceOptions(command).action(async (words: string[], options: CreateOptions) => {
    const { names, programArguments } = splitAtDashes(words, process.argv);
    const spec = instanceSpec(options, programArguments, cli.env);
    const meta = { labels: parseLabels(options.label ?? []) };
    const start = (id: string) =>
      cli.connection.call(cli.connection.compute, cli.connection.compute.createInstance, {
        parent: `projects/${cli.project}`,
        instanceId: id,
        instance: Instance.fromPartial({ meta, spec }),
        requestId: randomUUID(),
        validateOnly: options.dryRun ?? false,
        retain: options.retain ?? false,
      });
    const verb = options.dryRun ? "would be created" : "created";
    await runOperations(
      cli,
      names.map((id) => ({ label: `instance/${id}`, start: () => start(id) })),
      verb,
      options.wait ?? true,
    );
  });
}

function registerProject(create: Command, cli: Cli): void {
  create
    .command("project")
    .description("projects: tenants with roles and quota of their own")
    .argument("<name>", "id of the new project")
    .option("--display-name <text>", "for people")
    .option("--instances-max <n>", "most instances it may have")
    .option("--label <key=value>", "label (repeatable)", collect)
    .action(async (id: string, options: { displayName?: string; instancesMax?: string; label?: string[] }) => {
      const { connection } = cli;
      const project = await connection.call(connection.compute, connection.compute.createProject, {
        projectId: id,
        project: Project.fromPartial({
          meta: Meta.fromPartial({ labels: parseLabels(options.label ?? []) }),
          spec: { displayName: options.displayName ?? "", instancesMax: Number(options.instancesMax ?? 0) },
        }),
        requestId: randomUUID(),
      });
      await printOne(cli, "project", project);
    });
}

function registerMirror(create: Command, cli: Cli): void {
  create
    .command("mirror")
    .summary("mirrors: named selections of what a project sees")
    .description(
      "Makes a mirror of what any of its selectors selects.\n" +
        "  gantry add mirror front --select kind=Instance,labels=tier=front\n  gantry mirror mirrors/front",
    )
    .argument("<name>", "id of the new mirror")
    .requiredOption("--select <selector>", "origin=…,kind=…,prefix=…,labels=… (labels last; repeatable)", collect)
    .action(async (id: string, options: { select: string[] }) => {
      const { connection } = cli;
      const mirror = await connection.call(connection.compute, connection.compute.createMirror, {
        parent: `projects/${cli.project}`,
        mirrorId: id,
        mirror: Mirror.fromPartial({ spec: { selectors: options.select.map(parseMirrorSelector) } }),
        requestId: randomUUID(),
      });
      await printOne(cli, "mirror", mirror);
    });
}

async function printOne(cli: Cli, kindWord: string, item: unknown): Promise<void> {
  const kind = findKind(kindWord);
  const format = cli.format;
  if (format === "table" || format === "wide")
    cli.print(`${kind.singular}/${kind.name(item).split("/").pop()} created`);
  else cli.print(await formatItems(kind, [item], format, true));
}

export function parseMirrorSelector(text: string): MirrorSelector {
  const selector = { origin: "", kind: "", namePrefix: "", labelSelector: "" };
  const fields = { origin: "origin", kind: "kind", prefix: "namePrefix", labels: "labelSelector" } as const;
  let rest = text;
  while (rest !== "") {
    // A label selector has commas of its own, so it takes all that is left.
    const match = /^labels=(.*)$/s.exec(rest) ?? /^(?:origin|kind|prefix)=([^,]*)(?:,|$)/.exec(rest);
    if (!match) throw new UsageError(`--select ${text}: write origin=…,kind=…,prefix=…,labels=…`);
    const field = rest.slice(0, rest.indexOf("=")) as keyof typeof fields;
    selector[fields[field]] = match[1] ?? "";
    rest = rest.slice(match[0].length);
  }
  return selector;
}

export function parseLabels(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals <= 0) throw new UsageError(`--label ${text}: write key=value`);
      return [text.slice(0, equals), text.slice(equals + 1)] as const;
    }),
  );
}
