import { setTimeout as delay } from "node:timers/promises";
import type { V1Node } from "@kubernetes/client-node";
import type { KubernetesClient } from "../../../services/cluster/kubernetes/client.ts";
import type { Engine } from "../../../services/common/engine/engine.ts";
import { askPod, runPod, webPod } from "../../services/cluster/support/pods.ts";

const TIMEOUT_MS = 180_000;
const INTERVAL_MS = 50;

/** All nodes Ready, and a pod that anybody may put anywhere answers over HTTP, asked from the control plane's network. */
export async function readyAndServing(
  engine: Engine,
  api: KubernetesClient,
  controlPlane: string,
  nodes: number,
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const { items } = await api.get<{ items: V1Node[] }>("/api/v1/nodes");
    const ready = items.filter(({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
    );
    if (ready.length === nodes) break;
    if (Date.now() > deadline) throw new Error(`${ready.length} of ${nodes} nodes became Ready`);
    await delay(INTERVAL_MS);
  }
  const { ip } = await runPod(api, webPod("web"), TIMEOUT_MS);
  await askPod(engine, controlPlane, ip, TIMEOUT_MS);
}
