import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { Host, HostState } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { Instance, InstanceSpec } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import type { Candidate } from "../../../../services/compute/placement/candidate.ts";
import { checkDemand } from "../../../../services/compute/placement/check-demand.ts";
import { place } from "../../../../services/compute/placement/place.ts";

const RULES = { cpuOvercommit: 2, memoryOvercommit: 1 };
const GIB = 1n << 30n;

interface HostInput {
  state?: HostState;
  unschedulable?: boolean;
  labels?: Record<string, string>;
  capabilities?: string[];
  memory?: bigint;
  gpus?: string[];
  instances?: Record<string, unknown>[];
}

function candidate(id: string, input: HostInput = {}): Candidate {
  const { state = HostState.HOST_STATE_READY, labels = {}, capabilities = ["overlay", "privileged"] } = input;
  const host = Host.fromPartial({
    meta: { name: `hosts/${id}`, labels },
    spec: { unschedulable: input.unschedulable ?? false },
    status: {
      state,
      capacity: { cpuMillis: 4000n, memoryBytes: input.memory ?? 8n * GIB, diskBytes: 100n * GIB },
      capabilities: Object.fromEntries(capabilities.map((name) => [name, { available: true, detail: "" }])),
      gpus: (input.gpus ?? []).map((gpu) => ({ id: gpu, kind: gpu.split("=")[0]!, driver: "cdi" })),
    },
  });
  const instances = (input.instances ?? []).map((each, i) => {
    const { labels: own = {}, reservation, project = "p", ...spec } = each as Record<string, never>;
    return Instance.fromPartial({
      meta: { name: `projects/${String(project)}/instances/i${i}`, uid: `${id}-${i}`, labels: own, host: id },
      spec: InstanceSpec.fromPartial(spec),
      ...(reservation ? { reservation } : {}),
    });
  });
  return { host, instances };
}

const spec = (value: Record<string, unknown> = {}) => InstanceSpec.fromPartial(value);
const placed = (value: Record<string, unknown>, ...candidates: Candidate[]) =>
  place({ spec: spec(value), project: "p" }, candidates, RULES);

function refused(value: Record<string, unknown>, ...candidates: Candidate[]): GantryError {
  try {
    placed(value, ...candidates);
  } catch (error) {
    assert.ok(error instanceof GantryError);
    return error;
  }
  throw new Error("it was placed");
}

function reasons(value: Record<string, unknown>, ...candidates: Candidate[]): Record<string, string> {
  return refused(value, ...candidates).metadata;
}

test("the emptier host is taken; equals go by name", () => {
  const busy = candidate("a", { instances: [{ memoryBytes: 4n * GIB }] });
  assert.equal(placed({ memoryBytes: GIB }, busy, candidate("b")), "b");
  assert.equal(placed({}, candidate("b"), candidate("a")), "a");
});

const port = { hostIp: "127.0.0.1", hostPort: 80, port: 80, protocol: "tcp" };
const refusals: [string, HostInput, Record<string, unknown>, RegExp][] = [
  ["lost", { state: HostState.HOST_STATE_LOST }, {}, /lost/],
  ["without engine", { state: HostState.HOST_STATE_DEGRADED }, {}, /engine/],
  ["unschedulable", { unschedulable: true }, {}, /unschedulable/],
  ["another host asked for", {}, { placement: { host: "b" } }, /asks for b/],
  ["labels", { labels: { zone: "a" } }, { placement: { hostSelector: "zone=b" } }, /selector/],
  ["capability", {}, { diskBytes: 5n }, /disk-limit/],
  ["still being looked at", { capabilities: [] }, { privileged: true }, /being found out/],
  ["memory promised already", { instances: [{ memoryBytes: 7n * GIB }] }, { memoryBytes: 2n * GIB }, /memory/],
  ["processors promised already", { instances: [{ cpuMillis: 7000n }] }, { cpuMillis: 2000n }, /processor/],
  ["port", { instances: [{ ports: [port] }] }, { ports: [{ ...port, hostIp: "0.0.0.0" }] }, /port 80/],
  [
    "no free device",
    {
      gpus: ["a.b/gpu=0"],
      instances: [{ gpus: [{ kind: "a.b/gpu", count: 1 }], reservation: { gpus: ["a.b/gpu=0"] } }],
    },
    { gpus: [{ kind: "a.b/gpu", count: 1 }] },
    /free devices/,
  ],
  [
    "neighbour",
    { instances: [{ labels: { app: "web" } }] },
    { placement: { antiAffinity: "app=web" } },
    /anti-affinity/,
  ],
];
for (const [what, host, value, reason] of refusals) {
  test(`refused: ${what}`, () => assert.match(reasons(value, candidate("a", host))["a"]!, reason));
}

test("every host says why", () => {
  const told = reasons({ memoryBytes: 16n * GIB }, candidate("a"), candidate("b", { unschedulable: true }));
  assert.deepEqual(Object.keys(told), ["a", "b"]);
});

test("what will pass is UNAVAILABLE, where nothing else keeps the instance from a host", () => {
  const lost = candidate("a", { state: HostState.HOST_STATE_LOST });
  const away = candidate("b", { state: HostState.HOST_STATE_DEGRADED });
  const closed = candidate("c", { unschedulable: true });
  const closedAndLost = candidate("d", { unschedulable: true, state: HostState.HOST_STATE_LOST });
  const unknown = candidate("e", { capabilities: [] });
  const cases: [string, Record<string, unknown>, Candidate[]][] = [
    ["HOST_NOT_READY", {}, [lost]],
    ["HOST_NOT_READY", { privileged: true }, [lost, away, unknown]],
    ["NO_HOST_FITS", {}, [lost, closed]],
    ["NO_HOST_FITS", {}, [closedAndLost]],
    ["NO_HOST_FITS", {}, []],
    ["HOST_NOT_READY", { placement: { host: "a" } }, [lost, closed]],
    ["NO_HOST_FITS", { placement: { hostSelector: "zone=b" } }, [lost]],
  ];
  for (const [reason, value, candidates] of cases) {
    const error = refused(value, ...candidates);
    assert.equal(error.reason, reason);
    assert.equal(error.code, reason === "NO_HOST_FITS" ? Code.FAILED_PRECONDITION : Code.UNAVAILABLE);
    assert.deepEqual(
      Object.keys(error.metadata),
      candidates.map(({ host }) => host.meta!.name.slice("hosts/".length)),
    );
  }
});

test("another project's instances are no neighbours", () => {
  const host = candidate("a", { instances: [{ labels: { app: "web" }, project: "other" }] });
  assert.equal(placed({ placement: { antiAffinity: "app=web" } }, host), "a");
});

test("what no host could ever give is a fault of the request, all of it at once", () => {
  const value = spec({
    cpuMillis: 5000n,
    memoryBytes: 100n * GIB,
    diskBytes: 1n,
    gpus: [{ kind: "a.b/gpu", count: 2 }, { ids: ["x.y/gpu=0"] }],
    placement: { capabilities: ["vxlan"] },
    ports: [port],
  });
  const host = candidate("a", { gpus: ["a.b/gpu=0"], instances: [{ ports: [port] }] });
  assert.deepEqual(
    checkDemand(value, [host], "p").map(({ field }) => field.replace("instance.spec.", "")),
    [
      "cpu_millis",
      "memory_bytes",
      "placement.capabilities[0]",
      "disk_bytes",
      "gpus[0].count",
      "gpus[1].ids[0]",
      "ports[0].host_port",
    ],
  );
  const elsewhere = spec({ placement: { host: "z" } });
  assert.deepEqual(
    checkDemand(elsewhere, [host], "p").map(({ field }) => field),
    ["instance.spec.placement.host"],
  );
});

test("a disk that no host has is refused before anything is made", () => {
  const host = candidate("a", { capabilities: ["disk-limit"] });
  assert.deepEqual(checkDemand(spec({ diskBytes: 100n * GIB }), [host], "p"), []);
  const [found] = checkDemand(spec({ diskBytes: 100n * GIB + 1n }), [host], "p");
  assert.equal(found?.field, "instance.spec.disk_bytes");
});

test("what another project has is not told by name", () => {
  const foreign = candidate("a", { instances: [{ ports: [port], project: "hidden" }] });
  const wanted = { ports: [port] };
  const [found] = checkDemand(spec(wanted), [foreign], "p");
  assert.equal(found?.field, "instance.spec.ports[0].host_port");
  assert.doesNotMatch(found.description, /hidden/);
  assert.doesNotMatch(reasons(wanted, foreign)["a"] ?? "hidden", /hidden/);
  const own = candidate("a", { instances: [{ ports: [port] }] });
  assert.match(checkDemand(spec(wanted), [own], "p")[0]?.description ?? "", /projects\/p\/instances\/i0/);
});

test("devices that an instance still has to choose are as good as taken", () => {
  const pending = { gpus: [{ kind: "nvidia.com/gpu", count: 1, ids: [], shared: false }] };
  const host = candidate("a", { gpus: ["nvidia.com/gpu=0", "nvidia.com/gpu=1"], instances: [pending] });
  assert.equal(placed(pending, host), "a");
  const both = { gpus: [{ kind: "nvidia.com/gpu", count: 2, ids: [], shared: false }] };
  assert.match(reasons(both, host)["a"] ?? "", /1 free devices/);
  const first = { gpus: [{ kind: "", count: 0, ids: ["nvidia.com/gpu=0"], shared: false }] };
  const named = candidate("a", { gpus: ["nvidia.com/gpu=0", "nvidia.com/gpu=1"], instances: [first] });
  assert.match(reasons(first, named)["a"] ?? "", /held by another/);
});
