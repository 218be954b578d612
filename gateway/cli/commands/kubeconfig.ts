import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { parseTargets } from "../targets.ts";

interface Options {
  internal?: boolean;
  merge?: boolean;
  outputFile?: string;
}

export function register(program: Command, cli: Cli): void {
  program
    .command("kubeconfig")
    .summary("how to reach a cluster's API, as its administrator")
    .description(
      "Prints a cluster's kubeconfig, which holds its administrator's key. With --merge it goes into $KUBECONFIG or " +
        "~/.kube/config, as kind does it: context kind-<cluster>, which becomes the current one and goes with the cluster.\n" +
        "  gantry kubeconfig dev --merge && kubectl get nodes\n  gantry kubeconfig dev > dev.kubeconfig",
    )
    .argument("<name>", "cluster")
    .option("--internal", "for containers in the cluster's network")
    .option("--merge", "into the kubeconfig that kubectl uses here")
    .option("--output-file <file>", "into this file, made readable by you alone")
    .action(async (word: string, options: Options) => {
      if (options.merge && options.outputFile !== undefined) throw new UsageError("either --merge or --output-file");
      const [target] = parseTargets(word.includes("/") ? [word] : ["cluster", word], cli.project);
      if (target?.kind.singular !== "cluster") throw new UsageError("only clusters have a kubeconfig");
      const client = await cli.connection.cluster();
      const request = { name: target.name, internal: options.internal ?? false };
      const { kubeconfig } = await cli.connection.call(client, client.getKubeconfig, request);
      const text = Buffer.from(kubeconfig).toString("utf8");
      if (!options.merge && options.outputFile === undefined) {
        process.stdout.write(text);
        return;
      }
      const files = await import("../kubeconfig/merge-file.ts");
      if (options.outputFile !== undefined) {
        await files.replaceFile(options.outputFile, text);
        cli.hint(`${options.outputFile} written`);
        return;
      }
      const path = files.kubeconfigPath(cli.env["KUBECONFIG"], join(homedir(), ".kube", "config"));
      const { meta } = await cli.connection.call(client, client.getCluster, { name: target.name });
      const context = await files.mergeIntoFile(path, text, meta?.uid ?? "", cli.signal);
      cli.print(`context ${context} set in ${path}`);
    });
}
