import { pino } from "pino";
import { Cluster, ClusterState, PowerState } from "../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeRole, NodeState } from "../../proto/gen/gantry/cluster/v1/node.ts";
import { createContainer, startContainer } from "../../services/common/engine/api/containers.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { identityLabels, KIND_NODE } from "../../services/common/engine/labels.ts";
import { operationKind } from "../../services/common/jobs/kind.ts";
import type { Transaction } from "../../services/common/store/api.ts";
import { openStore } from "../../services/common/store/store.ts";
import { clusterKind, clusterKinds, nodeKind } from "../../services/cluster/kinds.ts";
import { ADMIN_CONF_PATH } from "../../services/cluster/pki/paths.ts";
import { putFiles } from "../../services/cluster/nodes/put-files.ts";
import { BUSYBOX } from "../images/images.ts";
import type { TestApiServer } from "./api-server.ts";
import { testFolder } from "./cleanup.ts";
import type { Platform } from "./platform.ts";

const SETUP_TIMEOUT_MS = 30_000;

/**
 * Writes the records of a cluster `id` of project `default` as a creation would have left them, with `api` as its API and a container that holds its
 * admin's credentials as its node. For what depends on the API and not on nodes; it goes with the platform's engine and Redis.
 */
export async function addObservedCluster(
  platform: Platform,
  api: TestApiServer,
  id: string,
  host = platform.hostName,
): Promise<{ name: string; remove(): Promise<void> }> {
  const name = `projects/default/clusters/${id}`;
  const nodeId = `${id}-control-plane`;
  const nodeName = `${name}/nodes/${nodeId}`;
  const node = { name: nodeName, uid: `uid-of-${nodeId}`, kind: KIND_NODE };
  const engine = new Engine({ socketPath: platform.engine.socketPath });
  const options = { Image: BUSYBOX, Cmd: ["sleep", "1000000"], Labels: identityLabels(node) };
  const { Id } = await createContainer(engine, nodeId, options);
  const files = [{ path: ADMIN_CONF_PATH, mode: 0o600, content: api.adminConf }];
  await putFiles(engine, Id, files, AbortSignal.timeout(SETUP_TIMEOUT_MS));
  await startContainer(engine, Id);
  engine.close();
  await write(platform, async (tx) => {
    tx.create(
      clusterKind,
      Cluster.fromPartial({
        meta: { name, host },
        spec: { power: PowerState.POWER_STATE_RUNNING, nodeGroups: [{ count: 1 }] },
        status: { state: ClusterState.CLUSTER_STATE_STARTING, observedGeneration: 1n },
        reservation: { endpointName: `${id}-api`, apiPort: api.port },
      }),
    );
    tx.create(
      nodeKind,
      Node.fromPartial({
        meta: { name: nodeName, uid: node.uid, host },
        spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE },
        status: { state: NodeState.NODE_STATE_STARTING, containerId: Id },
        reservation: { kubernetesName: nodeId },
      }),
    );
  });
  return { name, remove: () => removeRecords(platform, name, nodeName) };
}

function removeRecords(platform: Platform, name: string, nodeName: string): Promise<void> {
  return write(platform, async (tx) => {
    await tx.need(nodeKind, nodeName);
    await tx.need(clusterKind, name);
    tx.delete(nodeKind, nodeName);
    tx.delete(clusterKind, name);
  });
}

/** As the service's own process on another host would. */
async function write(platform: Platform, work: (tx: Transaction) => Promise<void>): Promise<void> {
  await using folder = await testFolder("writer");
  const stop = new AbortController();
  const store = await openStore({
    service: "cluster",
    host: "writer",
    redisUrl: platform.redis.url,
    dataDir: folder.path,
    kinds: [...clusterKinds, operationKind],
    log: pino({ level: "silent" }),
    signal: stop.signal,
  });
  try {
    await store.transact(work);
  } finally {
    stop.abort();
    await store.close();
  }
}
