import type { Logger } from "pino";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { ReconcileLoop } from "../../common/observe/reconcile-loop.ts";
import { hostPowers } from "../clusters/host-powers.ts";
import type { HostTools } from "../host-tools.ts";
import { isContainerOf } from "../nodes/own-container.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { MOUNT_NOW } from "./node-script.ts";

export interface MountKeeperOptions {
  tools: HostTools;
  isActive: () => boolean;
  log: Logger;
  signal: AbortSignal;
}

/**
 * The host's part of the nodes' mounts comes back where it is gone: the engine starts nodes by itself after the host's own restart, and they wait
 * for it before their kubelets begin.
 */
export class MountKeeper {
  readonly #options: MountKeeperOptions;
  readonly #loop: ReconcileLoop;

  constructor(options: MountKeeperOptions) {
    const { tools, isActive, log } = options;
    this.#options = options;
    this.#loop = new ReconcileLoop({
      names: () => tools.catalog.onHost(tools.host).map(({ meta }) => meta!.name),
      compare: (name) => this.#compare(name),
      canWork: () => isActive() && tools.observer.status.state === "live",
      log,
    });
  }

  /** Until `signal` aborts. */
  run(signal: AbortSignal): void {
    const stop = this.#options.tools.observer.onStatus(({ state }) => {
      if (state === "live") this.#loop.everything();
    });
    signal.addEventListener("abort", stop, { once: true });
    this.#loop.run(signal);
  }

  idle(): Promise<void> {
    return this.#loop.idle();
  }

  async #compare(name: string): Promise<void> {
    const { catalog } = this.#options.tools;
    const cluster = catalog.clusters.get(name);
    // A job has it to itself.
    if (!cluster?.meta || cluster.meta.deleteTime || cluster.meta.operation !== "") return;
    for (const node of catalog.nodes.of(name)) await this.#keep(node);
  }

  async #keep(node: Node): Promise<void> {
    const { tools, log, signal } = this.#options;
    const { uid, name } = node.meta!;
    const mounts = node.reservation?.mounts ?? [];
    if (mounts.length === 0 || (await tools.nodeFolders.has(uid, mounts)) || !(await hostPowers()).mounts) return;
    await tools.nodeFolders.give(uid, mounts, signal);
    log.info({ target: name }, "the host's part of the node's mounts is back");
    const container = tools.observer
      .all("container")
      .find(({ id, labels, state }) => state === "running" && isContainerOf(node, id, labels));
    if (container) await runInNode({ engine: tools.engine, container: container.id, command: MOUNT_NOW, signal });
  }
}
