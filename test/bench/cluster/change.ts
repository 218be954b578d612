import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import {
  AddNodesRequest,
  ForkClusterRequest,
  RemoveNodeRequest,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { KubernetesClient } from "../../../services/cluster/kubernetes/client.ts";
import type { TestClusters } from "../../services/cluster/support/clusters.ts";
import { askPod, runPod, webPod } from "../../services/cluster/support/pods.ts";

const POD_TIMEOUT_MS = 60_000;
const INTERVAL_MS = 25;
const POD = "/api/v1/namespaces/default/pods/web";

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

/** Stopped and started: until the operation's end (all nodes Ready), and until the pod that ran before answers again. */
export async function restart(clusters: TestClusters, id: string, measure: Measure): Promise<void> {
  const api = await clusters.api(id);
  const before = (await api.find<V1Pod>(POD)) ?? (await started(api));
  await measure("stop", () => clusters.verb("stop", id));
  await measure("start until a pod answers", async () => {
    await measure("start", () => clusters.verb("start", id));
    const ip = await runsAgain(api, restartsOf(before));
    await askPod(clusters.engine, `${id}-control-plane`, ip, POD_TIMEOUT_MS);
  });
}

async function started(api: KubernetesClient): Promise<V1Pod> {
  await runPod(api, webPod("web"), POD_TIMEOUT_MS);
  return api.get<V1Pod>(POD);
}

function restartsOf({ status }: V1Pod): number {
  return status?.containerStatuses?.[0]?.restartCount ?? 0;
}

/** Its address then. */
async function runsAgain(api: KubernetesClient, restarts: number): Promise<string> {
  const deadline = performance.now() + POD_TIMEOUT_MS;
  for (;;) {
    const pod = await api.get<V1Pod>(POD);
    const ready = pod.status?.containerStatuses?.[0]?.ready === true;
    if (restartsOf(pod) > restarts && ready && pod.status?.podIP) return pod.status.podIP;
    if (performance.now() > deadline) throw new Error("the pod does not run again");
    await delay(INTERVAL_MS);
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
