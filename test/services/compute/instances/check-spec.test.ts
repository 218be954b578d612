import assert from "node:assert/strict";
import { test } from "node:test";
import { InstanceSpec, PowerState } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { checkSpec } from "../../../../services/compute/instances/check-spec.ts";

const RULES = { defaultImage: "docker:dind", realmNetwork: "gantry" };
const MIB = 1n << 20n;

/** Fields that are wrong, without the common beginning. */
function wrong(spec: Record<string, unknown>): string[] {
  return checkSpec(InstanceSpec.fromPartial(spec), RULES).map(({ field }) => field.replace(/^instance\.spec\.?/, ""));
}

const many = (count: number, prefix: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, ""]));

const port = (value: Record<string, unknown>) => ({ hostIp: "", hostPort: 0, port: 80, protocol: "", ...value });

const good: Record<string, unknown>[] = [
  {},
  { image: "busybox" },
  { image: "registry.example:5000/team/app@sha256:" + "a".repeat(64) },
  { image: "busybox", command: ["sh"], entrypoint: ["/bin/sh"] },
  { innerEngine: 2, command: ["sleep"] },
  { env: { A: "1", _b2: "" } },
  { env: many(256, "V") },
  { userData: "x".repeat(64 * 1024) },
  { hostname: "node-1.example" },
  { cpuMillis: 10n, memoryBytes: 6n * MIB, pidsMax: 8n, diskBytes: 1n },
  { pidsMax: 4n * MIB, image: "busybox", command: ["x".repeat(128 * 1024)] },
  { networks: ["a", "b"] },
  { ports: [port({}), port({}), port({ hostPort: 53, protocol: "udp" }), port({ hostPort: 53, protocol: "tcp" })] },
  { ports: [port({ hostPort: 80, hostIp: "10.0.0.1" }), port({ hostPort: 80, hostIp: "10.0.0.2" })] },
  { gpus: [{ kind: "nvidia.com/gpu", count: 2 }] },
  { gpus: [{ ids: ["nvidia.com/gpu=0", "nvidia.com/gpu=1:2"] }] },
  { power: PowerState.POWER_STATE_STOPPED },
  { stopTimeout: { seconds: 3600n } },
  {
    placement: { host: "rack1-07", hostSelector: "zone in (a,b)", antiAffinity: "app=web", capabilities: ["nftables"] },
  },
];
for (const spec of good) {
  test(`good: ${Object.keys(spec).join(", ") || "nothing"}`, () => assert.deepEqual(wrong(spec), []));
}

const bad: [Record<string, unknown>, string[]][] = [
  [{ image: "Not An Image" }, ["image"]],
  [{ image: "x".repeat(600) }, ["image"]],
  [{ innerEngine: 9 }, ["inner_engine"]],
  [{ command: ["sh"] }, ["command"]],
  [{ image: "docker:dind", entrypoint: ["sh"] }, ["entrypoint"]],
  [{ image: "busybox", innerEngine: 1, command: ["sh"] }, ["command"]],
  [{ image: "busybox", command: ["a\0b"] }, ["command[0]"]],
  [{ image: "busybox", command: Array.from({ length: 257 }, () => "x") }, ["command"]],
  [{ env: { "A-B": "1", "2": "" } }, ['env["2"]', 'env["A-B"]']],
  [{ env: { A: "\0" } }, ['env["A"]']],
  [{ env: { A: "x".repeat(128 * 1024) } }, ["env"]],
  [{ env: many(257, "V") }, ["env"]],
  [{ userData: "x".repeat(64 * 1024 + 1) }, ["user_data"]],
  [{ hostname: "-x" }, ["hostname"]],
  [{ hostname: "x".repeat(64) }, ["hostname"]],
  [
    { cpuMillis: 9n, memoryBytes: 6n * MIB - 1n, pidsMax: 7n, diskBytes: -1n },
    ["cpu_millis", "memory_bytes", "pids_max", "disk_bytes"],
  ],
  // The kernel takes no more; a start would fail.
  [{ pidsMax: 4n * MIB + 1n }, ["pids_max"]],
  [{ image: "busybox", command: ["x".repeat(128 * 1024), "y"] }, ["command"]],
  [
    { gpus: [{ kind: `a.b/${"x".repeat(300)}`, count: 1 }, { ids: [`a.b/c=${"x".repeat(300)}`] }] },
    ["gpus[0].kind", "gpus[1].ids[0]"],
  ],
  [{ networks: ["gantry", "host", "a b", "x", "x"] }, ["networks[0]", "networks[1]", "networks[2]", "networks[4]"]],
  [{ networks: Array.from({ length: 17 }, (_, i) => `n${i}`) }, ["networks"]],
  [
    { ports: [port({ port: 0 }), port({ hostPort: 70_000 }), port({ protocol: "sctp" }), port({ hostIp: "here" })] },
    ["ports[0].port", "ports[1].host_port", "ports[2].protocol", "ports[3].host_ip"],
  ],
  [{ ports: [port({ hostPort: 80 }), port({ hostPort: 80 })] }, ["ports[1].host_port"]],
  [{ ports: [port({ hostPort: 80 }), port({ hostPort: 80, hostIp: "0.0.0.0" })] }, ["ports[1].host_port"]],
  [{ ports: Array.from({ length: 65 }, () => port({})) }, ["ports"]],
  [{ gpus: [{ kind: "gpu", count: 1 }] }, ["gpus[0].kind"]],
  [{ gpus: [{ kind: "a.b/gpu", count: 65 }] }, ["gpus[0].count"]],
  [{ gpus: [{ kind: "a.b/gpu", count: 1, ids: ["a.b/gpu=0"] }] }, ["gpus[0].count"]],
  [{ gpus: [{ kind: "a.b/gpu", ids: ["c.d/gpu=0", "x"] }] }, ["gpus[0].ids[0]", "gpus[0].ids[1]"]],
  [{ gpus: [{ ids: ["a.b/gpu=0"] }, { ids: ["a.b/gpu=0"] }] }, ["gpus[1].ids[0]"]],
  [{ restartPolicy: 7, power: PowerState.POWER_STATE_PAUSED }, ["restart_policy", "power"]],
  [{ stopTimeout: { seconds: 3601n } }, ["stop_timeout"]],
  [{ stopTimeout: { seconds: -1n } }, ["stop_timeout"]],
  [
    { placement: { host: "UP", hostSelector: "a in", antiAffinity: "=", capabilities: ["Bad!"] } },
    ["placement.host", "placement.host_selector", "placement.anti_affinity", "placement.capabilities[0]"],
  ],
];
for (const [spec, fields] of bad) {
  test(`bad: ${fields.join(", ")}`, () => assert.deepEqual(wrong(spec), fields));
}

test("everything that is wrong is told at once", () => {
  const spec = {
    image: "A B",
    cpuMillis: 1n,
    hostname: "_",
    networks: ["none"],
    ports: [port({ port: -1 })],
    power: 9,
  };
  assert.deepEqual(wrong(spec), ["image", "hostname", "cpu_millis", "networks[0]", "ports[0].port", "power"]);
});
