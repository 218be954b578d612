import type { Cluster, ClusterSnapshot } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { RecordCatalog } from "../../common/store/record-catalog.ts";
import type { StoreHandle } from "../../common/store/store.ts";
import { clusterKind, clusterSnapshotKind, nodeKind } from "../kinds.ts";
import { clusterOfNode } from "./names.ts";
import { compareNodes } from "./node-order.ts";

/** Every node of the realm, by cluster. */
class NodeCatalog extends RecordCatalog<Node> {
  readonly #byCluster = new Map<string, Map<string, Node>>();

  constructor() {
    super(nodeKind);
    this.onChange((node, deleted) => {
      const { name } = node.meta!;
      const cluster = clusterOfNode(name);
      const nodes = this.#byCluster.get(cluster) ?? new Map<string, Node>();
      if (deleted) nodes.delete(name);
      else nodes.set(name, node);
      if (nodes.size === 0) this.#byCluster.delete(cluster);
      else this.#byCluster.set(cluster, nodes);
    });
  }

  /** Control planes first, each role by number. */
  of(cluster: string): Node[] {
    return [...(this.#byCluster.get(cluster)?.values() ?? [])].sort(compareNodes);
  }
}

/** Every cluster of the realm with its nodes, and the snapshots: in memory and a moment behind the store. */
export class ClusterCatalog {
  readonly clusters = new RecordCatalog<Cluster>(clusterKind);
  readonly nodes = new NodeCatalog();
  readonly snapshots = new RecordCatalog<ClusterSnapshot>(clusterSnapshotKind);

  async start(store: StoreHandle, onError: (error: unknown) => void): Promise<void> {
    await Promise.all([
      this.clusters.start(store, onError),
      this.nodes.start(store, onError),
      this.snapshots.start(store, onError),
    ]);
  }

  close(): void {
    this.clusters.close();
    this.nodes.close();
    this.snapshots.close();
  }

  onHost(host: string): Cluster[] {
    return [...this.clusters.all()].filter((cluster) => cluster.meta?.host === host);
  }
}
