import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import {
  AddNodesRequest,
  ForkClusterRequest,
  RemoveNodeRequest,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { call } from "../../../services/common/rpc/client.ts";
import type { TestClusters } from "../../services/cluster/support/clusters.ts";

/** Of a cluster that is there: two workers added until they are Ready, and each removed again. */
export async function addAndRemove(clusters: TestClusters, id: string, measure: Measure): Promise<void> {
  const nodes = { count: 2, spec: { role: NodeRole.NODE_ROLE_WORKER } };
  const request = AddNodesRequest.fromPartial({ name: clusters.name(id), nodes });
  await measure("add", async () => clusters.wait(await call(clusters.client, "addNodes", request, clusters.token)));
  for (const node of [`${id}-worker`, `${id}-worker2`]) {
    const removal = RemoveNodeRequest.fromPartial({ name: `${clusters.name(id)}/nodes/${node}` });
    await measure("remove", async () =>
      clusters.wait(await call(clusters.client, "removeNode", removal, clusters.token)),
    );
  }
}

/** Until the fork's nodes are Ready. */
export async function fork(clusters: TestClusters, source: string, id: string, measure: Measure): Promise<void> {
  const names = { source: clusters.name(source), parent: "projects/default", clusterId: id };
  const request = ForkClusterRequest.fromPartial(names);
  await measure("fork", async () => clusters.wait(await call(clusters.client, "forkCluster", request, clusters.token)));
  await clusters.delete(id);
}

export type Measure = (what: string, work: () => Promise<unknown>) => Promise<void>;
