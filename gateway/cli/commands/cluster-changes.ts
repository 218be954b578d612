import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { Cluster, ClusterSnapshot } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { findKind } from "../resources.ts";
import { parseCluster, parseClusterAnd, parseTargets } from "../targets.ts";
import { drainTimeoutOf } from "./remove-nodes.ts";
import { runOperations } from "./run-operations.ts";

interface Wait {
  wait?: boolean;
}

/** Verbs that only clusters have. */
export function register(program: Command, cli: Cli): void {
  const noWait = ["--no-wait", "return at once with the operation's name"] as const;
  program
    .command("upgrade")
    .description("bring a cluster to the version of another node image, one node at a time")
    .argument("<cluster...>", "cluster dev, or cluster/dev")
    .requiredOption("-i, --image <reference>", "node image with the version to go to")
    .option("--drain-timeout <duration>", "longest wait for the pods of each node (default: 60s)")
    .option(...noWait)
    .action(async (words: string[], options: Wait & { image: string; drainTimeout?: string }) => {
      const name = parseCluster(words, cli.project);
      const client = await cli.connection.cluster();
      const request = {
        name,
        image: options.image,
        etag: "",
        requestId: randomUUID(),
        drainTimeout: drainTimeoutOf(options.drainTimeout),
      };
      const start = () => cli.connection.call(client, client.upgradeCluster, request);
      await runOperations(cli, [{ label: label(name), start }], "upgraded", options.wait ?? true);
    });
  program
    .command("snapshot")
    .summary("keep a cluster's state as it is now")
    .description(
      "Keeps the state of every node of a cluster, etcd included.\n  gantry snapshot cluster dev before-test",
    )
    .argument("<words...>", "cluster dev (or cluster/dev), and the snapshot's name")
    .option("--description <text>", "one line for people", "")
    .option(...noWait)
    .action(async (words: string[], options: Wait & { description: string }) => {
      const { name, snapshotId } = clusterAndSnapshot(words, cli.project);
      const client = await cli.connection.cluster();
      const snapshot = ClusterSnapshot.fromPartial({ spec: { description: options.description } });
      const start = () =>
        cli.connection.call(client, client.snapshotCluster, { name, snapshotId, snapshot, requestId: randomUUID() });
      await runOperations(cli, [{ label: `clustersnapshot/${snapshotId}`, start }], "taken", options.wait ?? true);
    });
  program
    .command("restore")
    .description("put a cluster back to one of its snapshots; what came after is lost")
    .argument("<words...>", "cluster dev (or cluster/dev), and the snapshot's name")
    .option(...noWait)
    .action(async (words: string[], options: Wait) => {
      const { name, snapshotId } = clusterAndSnapshot(words, cli.project);
      const snapshot = findKind("clustersnapshot").fullName(snapshotId, name.split("/")[1] ?? "");
      const client = await cli.connection.cluster();
      const start = () =>
        cli.connection.call(client, client.restoreCluster, { name, snapshot, etag: "", requestId: randomUUID() });
      await runOperations(cli, [{ label: label(name), start }], "restored", options.wait ?? true);
    });
  program
    .command("adopt")
    .summary("take over a cluster that kind made")
    .description(
      "Takes over a cluster that kind made on the host's engine; it goes on running.\n  gantry adopt cluster dev",
    )
    .argument("<cluster...>", "cluster dev, or cluster/dev: as kind calls it")
    .option(...noWait)
    .action(async (words: string[], options: Wait) => {
      const name = parseCluster(words, cli.project);
      const [, project = "", , clusterId = ""] = name.split("/");
      const client = await cli.connection.cluster();
      const request = { parent: `projects/${project}`, clusterId, requestId: randomUUID() };
      const start = () => cli.connection.call(client, client.adoptCluster, request);
      await runOperations(cli, [{ label: label(name), start }], "adopted", options.wait ?? true);
    });
  program
    .command("fork")
    .summary("a second, independent cluster from one, or from a snapshot")
    .description(
      "Makes a cluster of its own from another's state.\n  gantry fork cluster dev dev2\n  gantry fork clustersnapshot before-test dev2",
    )
    .argument("<words...>", "cluster dev, clustersnapshot name (or kind/name), and the fork's name")
    .option("--retain", "when it fails keep what was made, for inspection")
    .option(...noWait)
    .action(async (words: string[], options: Wait & { retain?: boolean }) => {
      const clusterId = words.at(-1) ?? "";
      const [source, ...others] = words.length < 2 ? [] : parseTargets(words.slice(0, -1), cli.project);
      if (!source || others.length > 0 || !["cluster", "clustersnapshot"].includes(source.kind.singular))
        throw new UsageError("name one cluster or clustersnapshot, then the fork");
      const client = await cli.connection.cluster();
      const request = {
        source: source.name,
        parent: `projects/${cli.project}`,
        clusterId,
        cluster: Cluster.fromPartial({}),
        requestId: randomUUID(),
        retain: options.retain ?? false,
      };
      const start = () => cli.connection.call(client, client.forkCluster, request);
      await runOperations(cli, [{ label: `cluster/${clusterId}`, start }], "forked", options.wait ?? true);
    });
}

function clusterAndSnapshot(words: readonly string[], project: string): { name: string; snapshotId: string } {
  const { name, rest } = parseClusterAnd(words, project);
  const [snapshotId, ...others] = rest;
  if (snapshotId === undefined || others.length > 0) throw new UsageError("name one cluster, then the snapshot");
  return { name, snapshotId };
}

const label = (name: string) => `cluster/${name.split("/").pop()}`;
