import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Job,
  KubernetesNode,
  KubernetesService,
  PersistentVolumeClaim,
  Workload,
} from "../../../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import { OBSERVED_KINDS } from "../../../../../services/cluster/kubernetes/observations/kinds.ts";
import {
  claimBytes,
  daemonSetBytes,
  jobBytes,
  nodeBytes,
  objectOf,
  serviceBytes,
  statefulSetBytes,
} from "../../../../../services/cluster/kubernetes/observations/projections.ts";
import { quantity } from "../../../../../services/cluster/kubernetes/observations/quantity.ts";
import { ENTRIES_MAX, TEXT_LENGTH_MAX } from "../../../../../services/cluster/kubernetes/observations/raw.ts";

const CLUSTER = "projects/default/clusters/dev";

const NODE = {
  metadata: {
    name: "n",
    labels: { "node-role.kubernetes.io/master": "", "node-role.kubernetes.io/control-plane": "" },
  },
  spec: {
    unschedulable: true,
    podCIDR: "10.244.0.0/24",
    taints: [
      { key: "a", value: "b", effect: "NoSchedule" },
      { key: "c", effect: "NoExecute" },
    ],
  },
  status: {
    allocatable: { cpu: "1500m", memory: "2Gi", pods: "110", "example.com/gpu": "2" },
    addresses: [
      { type: "Hostname", address: "n" },
      { type: "InternalIP", address: "10.0.0.2" },
    ],
    nodeInfo: { kubeletVersion: "v1.31.0", containerRuntimeVersion: "containerd://1.7.0" },
    conditions: [
      { type: "MemoryPressure", status: "True" },
      { type: "DiskPressure", status: "False" },
      { type: "Ready", status: "True" },
    ],
  },
};

test("a node: roles, taints, what pods may use, what is wrong with it", () => {
  const node = KubernetesNode.decode(nodeBytes(NODE, objectOf(NODE, CLUSTER)));
  assert.deepEqual(node.roles, ["control-plane", "master"]);
  assert.deepEqual(node.taints, ["a=b:NoSchedule", "c:NoExecute"]);
  assert.deepEqual(node.allocatable, { cpu: 1_500n, memory: 2n ** 31n, pods: 110n, "example.com/gpu": 2n });
  assert.deepEqual([node.ready, node.unschedulable, node.problems], [true, true, ["MemoryPressure"]]);
  assert.deepEqual([node.internalIp, node.podCidr, node.kubeletVersion], ["10.0.0.2", "10.244.0.0/24", "v1.31.0"]);
});

test("a service: ports as kubectl shows them, addresses given to it", () => {
  const raw = {
    spec: {
      type: "LoadBalancer",
      clusterIP: "10.96.0.9",
      externalIPs: ["192.0.2.1"],
      ports: [
        { port: 80, nodePort: 30_080, protocol: "TCP" },
        { port: 53, protocol: "UDP" },
      ],
    },
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.2" }, { hostname: "lb.example" }] } },
  };
  const service = KubernetesService.decode(serviceBytes(raw, objectOf(raw, CLUSTER)));
  assert.deepEqual(service.ports, ["80:30080/TCP", "53/UDP"]);
  assert.deepEqual(service.clusterIps, ["10.96.0.9"]);
  assert.deepEqual(service.externalIps, ["192.0.2.1", "192.0.2.2", "lb.example"]);
});

test("workloads: what is wanted, and what of an older API is not told", () => {
  const set = {
    spec: { template: { spec: { containers: [{ image: "a" }, { image: "a" }] } } },
    status: { readyReplicas: 2 },
  };
  const stateful = Workload.decode(statefulSetBytes(set, objectOf(set, CLUSTER)));
  assert.deepEqual([stateful.desired, stateful.ready, stateful.available, stateful.images], [1, 2, 2, ["a"]]);
  const daemon = { status: { desiredNumberScheduled: 3, numberReady: 2, numberAvailable: 1 } };
  const daemons = Workload.decode(daemonSetBytes(daemon, objectOf(daemon, CLUSTER)));
  assert.deepEqual([daemons.desired, daemons.ready, daemons.available], [3, 2, 1]);
});

test("a job that is done, a claim that is bound, an object that is owned", () => {
  const raw = {
    metadata: {
      name: "j",
      namespace: "x",
      ownerReferences: [
        { kind: "Node", name: "n" },
        { kind: "CronJob", name: "c", controller: true },
      ],
    },
    spec: { completions: 2 },
    status: { succeeded: 2, conditions: [{ type: "Complete", status: "True" }], startTime: "2026-01-01T00:00:00Z" },
  };
  const job = Job.decode(jobBytes(raw, objectOf(raw, CLUSTER)));
  assert.deepEqual([job.completions, job.succeeded, job.complete], [2, 2, true]);
  assert.deepEqual(job.startTime, new Date("2026-01-01T00:00:00Z"));
  assert.deepEqual([job.object?.owner, job.object?.namespace, job.object?.cluster], ["CronJob/c", "x", CLUSTER]);
  const claim = { spec: { accessModes: ["ReadWriteOnce"] }, status: { phase: "Bound", capacity: { storage: "1Gi" } } };
  const bound = PersistentVolumeClaim.decode(claimBytes(claim, objectOf(claim, CLUSTER)));
  assert.deepEqual([bound.phase, bound.capacityBytes, bound.accessModes], ["Bound", 2n ** 30n, ["ReadWriteOnce"]]);
});

const QUANTITIES: [text: string, per: number, value: bigint][] = [
  ["4", 1_000, 4_000n],
  ["1500m", 1_000, 1_500n],
  ["0.1", 1_000, 100n],
  ["100n", 1_000, 1n],
  ["2.5", 1_000, 2_500n],
  ["16Gi", 1, 16n * 2n ** 30n],
  ["1.5Gi", 1, 3n * 2n ** 29n],
  ["128974848", 1, 128_974_848n],
  ["129e6", 1, 129_000_000n],
  ["9223372036854775807", 1, 2n ** 63n - 1n],
  ["99999999999999999999", 1, 2n ** 63n - 1n],
  ["1e999", 1, 2n ** 63n - 1n],
  ["-5", 1, 0n],
  ["", 1, 0n],
  ["much", 1, 0n],
  ["1 Gi", 1, 0n],
];

for (const [text, per, value] of QUANTITIES) {
  test(`quantity ${JSON.stringify(text)} per ${per}`, () => assert.equal(quantity(text, per), value));
}

const STRANGE: unknown[] = [
  undefined,
  null,
  7,
  "text",
  [],
  { metadata: 3, spec: [], status: "x" },
  { metadata: { name: {}, labels: [1], creationTimestamp: "never", ownerReferences: {} } },
  { metadata: { labels: { a: 1 } }, spec: { replicas: -1, ports: [null, 3], selector: "x", completions: "y" } },
  { spec: { replicas: 1e300, containers: [{ image: 5 }], taints: [[]] }, status: { conditions: [null], capacity: 9 } },
];

for (const { kind, project } of OBSERVED_KINDS) {
  test(`${kind}: whatever an API sends, a message comes of it, of bounded size`, () => {
    for (const raw of STRANGE) project(raw, objectOf(raw, CLUSTER));
    const long = "x".repeat(1_000_000);
    const many = Array.from({ length: 10_000 }, (_, i) => ({
      name: `${i}`,
      image: long,
      port: i,
      key: long,
      type: long,
    }));
    const labels = Object.fromEntries(many.map(({ name }) => [name, long]));
    const raw = {
      metadata: { name: long, labels },
      spec: { containers: many, ports: many, taints: many, template: { spec: { containers: many } }, selector: labels },
      status: { conditions: many, allocatable: labels },
      message: long,
    };
    assert.ok(project(raw, objectOf(raw, CLUSTER)).length < 2 * ENTRIES_MAX * (TEXT_LENGTH_MAX + 16));
  });
}
