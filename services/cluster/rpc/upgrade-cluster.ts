import { type Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { UpgradeClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { isImageReference } from "../../common/engine/image-reference.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { checkUpgrade } from "../clusters/check-upgrade.ts";
import { checkDrainTimeout, DRAIN_TIMEOUT } from "../clusters/drain-timeout.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind } from "../kinds.ts";
import type { KubernetesVersion } from "../kubeadm/version.ts";
import { checkConfiguration } from "../nodes/check-configuration.ts";
import { hostFacts } from "../nodes/cluster-files.ts";
import { needState, submitVerb } from "./cluster-verb.ts";
import { checkImages } from "./create/check-images.ts";

const STATES = [ClusterState.CLUSTER_STATE_RUNNING, ClusterState.CLUSTER_STATE_DEGRADED];

export function upgradeCluster(service: ClusterServiceContext) {
  return unary<UpgradeClusterRequest, Operation>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    async handler({ name, image, etag, requestId, drainTimeout = DRAIN_TIMEOUT }, call) {
      const { store, tools } = service;
      const before = await store.need(clusterKind, name);
      const found = new Violations();
      checkRequestId(found, requestId);
      checkDrainTimeout(found, drainTimeout, "drain_timeout");
      const good = found.check(isImageReference(image), "image", "is not an OCI image reference");
      const here = good && before.meta!.host === tools.host;
      const networking = before.spec!.networking!;
      const checked = here && (await checkImages(service, new Map([[image, "image"]]), networking, found, call.signal));
      const target = checked ? checked.versions.get(image) : undefined;
      if (target) await checkPatches(found, before, await nodesOf(store, name), target);
      found.throwIfAny();
      const parameters = ClusterJob.fromPartial({ image, drainTimeout });
      return submitVerb(service, call, {
        job: "upgrade-cluster",
        verb: "upgrade",
        name,
        etag,
        requestId,
        parameters,
        async change(cluster) {
          needState(cluster, "upgrade", STATES, "running");
          if (checked && checked.unavailable) throw checked.unavailable;
          if (target) checkUpgrade(cluster.status?.kubernetesVersion ?? "", target);
          parameters.previousNodes = (await nodesOf(store, name)).map(({ meta: of, spec: was }) =>
            Node.fromPartial({ meta: { name: of!.name }, spec: { image: was!.image } }),
          );
          cluster.spec!.image = image;
        },
      });
    },
  });
}

/** They are applied to what the new version's kubeadm reads, too. */
async function checkPatches(
  found: Violations,
  cluster: Cluster,
  nodes: readonly Node[],
  version: KubernetesVersion,
): Promise<void> {
  const wanted = nodes.map((node) => ({ node, version, path: `${node.meta!.name}: spec` }));
  checkConfiguration(found, cluster, nodes, wanted, await hostFacts());
}
