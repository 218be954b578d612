import { Cluster, type ClusterSpec } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { UpdateClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { updateRecord } from "../../common/rpc/handlers/update-record.ts";
import type { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { withDefaults } from "../clusters/defaults.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind } from "../kinds.ts";
import { checkUnchanged, type FixedFields } from "../clusters/unchanged.ts";

const MUTABLE = ["meta.labels", "meta.annotations"];

const FIXED: FixedFields<ClusterSpec> = {
  image: "UpgradeCluster does it",
  nodeGroups: "nodes are changed by UpdateNode, AddNodes and RemoveNode",
  networking: "",
  featureGates: "",
  runtimeConfig: "",
  kubeadmConfigPatches: "",
  kubeadmConfigJsonPatches: "",
  power: "StartCluster, StopCluster, PauseCluster and ResumeCluster do it",
  host: "",
};

export function updateCluster({ store }: ClusterServiceContext) {
  return unary<UpdateClusterRequest, Cluster>({
    access: ({ cluster }) => onName(CLUSTER, cluster?.meta?.name ?? "", "editor", "cluster.meta.name"),
    handler: ({ cluster, updateMask, requestId }, call) =>
      updateRecord(store, call, {
        kind: clusterKind,
        field: "cluster",
        asked: cluster!,
        mask: updateMask,
        requestId,
        mutable: MUTABLE,
        blank: Cluster.fromPartial({ meta: {} }),
        check: (found, record) => checkSpec(found, cluster!, updateMask ?? [], record),
      }),
  });
}

/** What a request without a mask says of the spec. What it leaves open is as it is. */
function checkSpec(
  found: Violations,
  { spec: given }: Cluster,
  mask: readonly string[],
  { spec, meta }: Cluster,
): void {
  if (!given || mask.length > 0) return;
  const filledIn = withDefaults(given, { nodeImage: spec!.image, host: meta!.host });
  const open = Object.fromEntries(Object.entries(given).filter(([, value]) => isOpen(value)));
  checkUnchanged(found, { ...filledIn, ...open }, spec!, FIXED, "cluster.spec");
}

function isOpen(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}
