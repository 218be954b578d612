import { homedir } from "node:os";
import { join } from "node:path";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";

/** Contexts that `kubeconfig --merge` has made go with their clusters, as they do with kind. Nothing of it keeps a cluster from being deleted. */
export class ForgottenContexts {
  readonly #cli: Cli;
  readonly #told: string[] = [];

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /** Looked for while the cluster is there; what is returned takes them out, once its deletion is under way. */
  async of(name: string): Promise<() => Promise<void>> {
    const { kubeconfigPaths, markedIn, removeFromFile } = await import("../kubeconfig/merge-file.ts");
    const paths = kubeconfigPaths(this.#cli.env["KUBECONFIG"], join(homedir(), ".kube", "config"));
    const marked = await Promise.all(paths.map((path) => this.#tried(path, () => markedIn(path))));
    if (marked.every((uids) => uids === undefined || uids.size === 0)) return async () => undefined;
    const { connection } = this.#cli;
    const client = await connection.cluster();
    const { meta } = await connection.call(client, client.getCluster, { name });
    const uid = meta?.uid ?? "";
    const holding = paths.filter((_, i) => marked[i]?.has(uid));
    return async () => {
      for (const path of holding) {
        const removed = await this.#tried(path, () => removeFromFile(path, uid, this.#cli.signal));
        for (const context of removed ?? []) this.#told.push(`context ${context} removed from ${path}`);
      }
    };
  }

  /** What became of them: after the progress, which it would be in the way of. */
  tell(): void {
    for (const text of this.#told) this.#cli.hint(text);
  }

  async #tried<T>(path: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#told.push(`contexts in ${path} are left as they are: ${error.message}`);
      return undefined;
    }
  }
}
