import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import { Cluster, ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { MountPropagation, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import {
  AddNodesRequest,
  RestoreClusterRequest,
  SnapshotClusterRequest,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import {
  createContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from "../../../services/common/engine/api/containers.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { BUSYBOX } from "../../images/images.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";

const ID = "dev";
const SNAPSHOT = "projects/default/clusterSnapshots/first";
const CONTROL_PLANE = { count: 1, spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE } };
/** What is below a file is no folder, and none can be made: the engine finds out when it makes the container. */
const IMPOSSIBLE = {
  hostPath: "/etc/hostname/x",
  containerPath: "/srv/x",
  propagation: MountPropagation.MOUNT_PROPAGATION_BIDIRECTIONAL,
};

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
});
after(() => clusters?.[Symbol.asyncDispose]());

const asked = (spec: Record<string, unknown>, validateOnly = true) =>
  clusters.create(
    ID,
    { spec: Cluster.fromPartial({ spec: { nodeGroups: [CONTROL_PLANE], ...spec } as never }).spec! },
    {
      validateOnly,
    },
  );

test("patches that do not fit the configuration are refused, each by its field, and a dry run says the same", async () => {
  const remove = [{ kind: "ClusterConfiguration", patch: '[{"op":"remove","path":"/nothing"}]' }];
  const sans = ["kind: ClusterConfiguration\napiServer: {certSANs: nope}\n"];
  const worker = { count: 2, spec: { kubeadmConfigPatches: ["kind: JoinConfiguration\nnodeRegistration: null\n"] } };
  for (const [spec, field] of [
    [{ kubeadmConfigJsonPatches: remove }, "cluster.spec.kubeadm_config_json_patches[0].patch"],
    [{ kubeadmConfigPatches: sans }, "cluster.spec.kubeadm_config_patches[0]"],
    [{ nodeGroups: [CONTROL_PLANE, worker] }, "cluster.spec.node_groups[1].spec.kubeadm_config_patches[0]"],
  ] as const) {
    for (const validateOnly of [true, false]) {
      const { violations } = await failure(asked(spec, validateOnly));
      assert.deepEqual(
        violations.map((violation) => violation.field),
        [field],
      );
    }
  }
});

test("a creation that fails half way leaves nothing, and its name is free", async () => {
  for (let round = 0; round < 3; round += 1) {
    const nodeGroups = [CONTROL_PLANE, { count: 3 }, { count: 1, spec: { mounts: [IMPOSSIBLE] } }];
    await failure(asked({ nodeGroups }, false).then((operation) => clusters.wait(operation)));
    assert.deepEqual(await clusters.leftOnEngine(ID), []);
  }
});

test("labels that a patch gives a kubelet are the node's", async () => {
  const patch = 'kind: InitConfiguration\nnodeRegistration: {kubeletExtraArgs: {node-labels: "ingress-ready=true"}}\n';
  await clusters.clusterOf(await asked({ kubeadmConfigPatches: [patch] }, false));
  const api = await clusters.api(ID);
  const node = await api.get<V1Node>(`/api/v1/nodes/${ID}-control-plane`);
  assert.equal(node.metadata!.labels!["ingress-ready"], "true");
});

test("the kubeconfig for inside leads to the API from any container in the cluster's network", async () => {
  const request = { name: clusters.name(ID), internal: true };
  const { kubeconfig } = await call(clusters.client, "getKubeconfig", request, clusters.token);
  const { hostname, port } = new URL(/server: (\S+)/.exec(Buffer.from(kubeconfig).toString())![1]!);
  const name = "asks-inside";
  const body = {
    Image: BUSYBOX,
    Cmd: ["sh", "-c", `nc -w 5 ${hostname} ${port} < /dev/null`],
    HostConfig: { NetworkMode: (await clusters.get(ID)).status!.network },
  };
  await createContainer(clusters.engine, name, body);
  try {
    await startContainer(clusters.engine, name);
    assert.equal(await waitContainer(clusters.engine, name), 0);
  } finally {
    await removeContainer(clusters.engine, name);
  }
});

test("patches are looked at when nodes are added", async () => {
  const nodes = { count: 1, spec: { kubeadmConfigPatches: ["kind: JoinConfiguration\nnodeRegistration: null\n"] } };
  const add = AddNodesRequest.fromPartial({ name: clusters.name(ID), nodes });
  const { violations } = await failure(call(clusters.client, "addNodes", add, clusters.token));
  assert.deepEqual(
    violations.map(({ field }) => field),
    ["nodes.spec.kubeadm_config_patches[0]"],
  );
});

test("a cluster that was stopped runs after it is restored, and goes on to", async () => {
  const snapshot = SnapshotClusterRequest.fromPartial({ name: clusters.name(ID), snapshotId: "first" });
  await clusters.wait(await call(clusters.client, "snapshotCluster", snapshot, clusters.token));
  await clusters.verb("stop", ID);
  const restore = RestoreClusterRequest.fromPartial({ name: clusters.name(ID), snapshot: SNAPSHOT });
  const { spec, status } = await clusters.clusterOf(
    await call(clusters.client, "restoreCluster", restore, clusters.token),
  );
  assert.deepEqual([spec!.power, status!.state], [PowerState.POWER_STATE_RUNNING, ClusterState.CLUSTER_STATE_RUNNING]);
});
