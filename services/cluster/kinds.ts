import {
  Cluster,
  ClusterSnapshot,
  ClusterSnapshotSpec,
  ClusterSpec,
} from "../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeSpec } from "../../proto/gen/gantry/cluster/v1/node.ts";
import type { Kind } from "../common/store/api.ts";

const NO_SPEC = new Uint8Array();

export const clusterKind: Kind<Cluster> = {
  name: "Cluster",
  typeName: "gantry.cluster.v1.Cluster",
  message: Cluster,
  schema: 1,
  spec: (cluster) => (cluster.spec ? ClusterSpec.encode(cluster.spec).finish() : NO_SPEC),
  hostless: false,
};

export const nodeKind: Kind<Node> = {
  name: "Node",
  typeName: "gantry.cluster.v1.Node",
  message: Node,
  schema: 1,
  spec: (node) => (node.spec ? NodeSpec.encode(node.spec).finish() : NO_SPEC),
  hostless: false,
};

export const clusterSnapshotKind: Kind<ClusterSnapshot> = {
  name: "ClusterSnapshot",
  typeName: "gantry.cluster.v1.ClusterSnapshot",
  message: ClusterSnapshot,
  schema: 1,
  spec: (snapshot) => (snapshot.spec ? ClusterSnapshotSpec.encode(snapshot.spec).finish() : NO_SPEC),
  hostless: false,
};

/** Every kind of record this service owns, operations aside. */
export const clusterKinds = [clusterKind, nodeKind, clusterSnapshotKind] as const;
