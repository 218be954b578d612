import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { Cluster, type ClusterSpec } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { addClusterOptions, type ClusterOptions, clusterSpec } from "./cluster-options.ts";
import { parseLabels } from "./create.ts";
import { readText } from "./instance-options.ts";
import { runOperations } from "./run-operations.ts";

interface CreateOptions extends ClusterOptions {
  k8sConfig?: string;
  label?: string[];
  dryRun?: boolean;
  wait?: boolean;
  retain?: boolean;
}

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function registerClusterCreate(create: Command, cli: Cli): void {
  const command = create
    .command("cluster")
    .summary("Kubernetes clusters")
    .description(
      "Makes Kubernetes clusters and waits until every node is Ready.\n" +
        "  gantry add cluster dev --nodes 3\n" +
        "  gantry add cluster big --control-planes 3 --workers 5 --cpus 2 --memory 4Gi\n" +
        "  gantry add cluster dev --k8s-config kind.yaml",
    )
    .argument("[names...]", "ids of the new clusters (default: the file's name)")
    .option("--k8s-config <file>", "configuration of kind (v1alpha4), - for standard input")
    .option("--label <key=value>", "label (repeatable)", collect)
    .option("--dry-run", "check everything, make nothing")
    .option("--no-wait", "return at once with the operation's name")
    .option("--retain", "when it fails keep what was made, for inspection");
  addClusterOptions(command).action(async (words: string[], options: CreateOptions) => {
    const file = options.k8sConfig === undefined ? undefined : await readConfig(options.k8sConfig);
    const spec = clusterSpec(options, file);
    const names = words.length > 0 ? words : [file?.name ?? ""].filter((name) => name !== "");
    if (names.length === 0) throw new UsageError("name the cluster, as in: gantry add cluster dev");
    await createClusters(cli, names, spec, options);
  });
}

/** Loaded where needed: few commands read such a file. */
async function readConfig(path: string) {
  const { readKindFile } = await import("../kind-config/read-file.ts");
  return readKindFile(readText(path), path);
}

export async function createClusters(
  cli: Cli,
  names: readonly string[],
  spec: ClusterSpec,
  options: Pick<CreateOptions, "label" | "dryRun" | "wait" | "retain">,
): Promise<void> {
  const meta = { labels: parseLabels(options.label ?? []) };
  const client = await cli.connection.cluster();
  const start = (clusterId: string): Promise<Operation> =>
    cli.connection.call(client, client.createCluster, {
      parent: `projects/${cli.project}`,
      clusterId,
      cluster: Cluster.fromPartial({ meta, spec }),
      requestId: randomUUID(),
      validateOnly: options.dryRun ?? false,
      retain: options.retain ?? false,
    });
  const runs = names.map((id) => ({ label: `cluster/${id}`, start: () => start(id) }));
  const wait = options.wait ?? true;
  const ok = await runOperations(cli, runs, options.dryRun ? "would be created" : "created", wait);
  const [first] = names;
  if (ok && wait && !options.dryRun && first !== undefined)
    cli.hint(`Use it: gantry kubeconfig ${first} --merge && kubectl get nodes`);
}
