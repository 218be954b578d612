import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { identityOf, KIND_NODE, LABEL_UID } from "../../common/engine/labels.ts";
import { clusterNameOf, clusterOfNode } from "../clusters/names.ts";
import { LABEL_KIND_CLUSTER } from "./container-options.ts";

type Labels = Readonly<Record<string, string>>;

/** Whether a container is the node's: by the uid on its labels; one that kind made has none of ours, and is told by its id. */
export function isContainerOf({ meta, status }: Node, id: string, labels: Labels | null | undefined): boolean {
  const uid = labels?.[LABEL_UID];
  return uid === undefined ? status?.containerId === id : uid === meta!.uid;
}

/** Name of the cluster that a container may be a node of: ours says so, one that kind made by what kind calls the cluster. */
export function clusterOfContainer(labels: Labels): string | undefined {
  const identity = identityOf(labels);
  if (identity) return identity.kind === KIND_NODE ? clusterOfNode(identity.name) : undefined;
  const engineName = labels[LABEL_KIND_CLUSTER];
  return engineName === undefined ? undefined : clusterNameOf(engineName);
}
