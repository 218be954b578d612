// ProtoJSON of an instance's record, as mirrors and commands need it, beside the floor: JSON.stringify and JSON.parse of the same data.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Instance } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { codec } from "../../services/common/codec/codec.ts";

const TYPE = "gantry.compute.v1.Instance";
const ROUND_MS = 400;
/** Calls between two looks at the clock. */
const CHUNK = 200;

const { values: options } = parseArgs({
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "5" } },
});
const ROUNDS = Number(options.rounds);

const now = new Date("2026-01-31T12:00:00.123Z");
const record = Instance.fromPartial({
  meta: {
    version: 57n,
    name: "projects/default/instances/web",
    uid: "0b7dd5a0-1c4e-4a58-9a5e-2f6f5d6f3c11",
    etag: "abcdef0123456789",
    generation: 3n,
    labels: { app: "web", tier: "front" },
    createTime: now,
    updateTime: now,
    host: "rack1-07",
  },
  spec: {
    image: "docker.io/library/nginx:1.27",
    innerEngine: 2,
    env: { A: "b", C: "d" },
    cpuMillis: 1500n,
    memoryBytes: 536870912n,
    ports: [{ hostPort: 8080, port: 80, protocol: "tcp" }],
    restartPolicy: 1,
    power: 1,
    stopTimeout: { seconds: 10n, nanos: 0 },
  },
  status: {
    state: 3,
    conditions: [
      { type: "ContainerRunning", status: 1, reason: "Started", message: "runs", lastTransitionTime: now },
      { type: "EngineReady", status: 1, lastTransitionTime: now },
    ],
    containerId: "f".repeat(64),
    imageId: `sha256:${"a".repeat(64)}`,
    addresses: [{ network: "gantry", ipv4: "10.9.0.7", mac: "02:42:ac:11:00:02" }],
    ports: [{ hostIp: "127.0.0.1", hostPort: 8080, port: 80, protocol: "tcp" }],
    startTime: now,
    observedGeneration: 3n,
  },
});

const loadStartMs = performance.now();
void codec.registry;
const loadMs = performance.now() - loadStartMs;
const bytes = Instance.encode(record).finish();
const json = codec.toJson(TYPE, bytes);
const text = JSON.stringify(json);

const tasks: Record<string, () => unknown> = {
  "JSON.stringify": () => JSON.stringify(json),
  "JSON.parse": () => JSON.parse(text),
  toJson: () => codec.toJson(TYPE, bytes),
  "toJson, redacted": () => codec.toJson(TYPE, bytes, { redact: true }),
  "toJsonText, redacted": () => codec.toJsonText(TYPE, bytes, { redact: true }),
  fromJson: () => codec.fromJson(TYPE, json),
  fromJsonText: () => codec.fromJsonText(TYPE, text),
};

function measure(task: () => unknown): number {
  const startMs = performance.now();
  let count = 0;
  let tookMs = 0;
  while (tookMs < ROUND_MS) {
    for (let i = 0; i < CHUNK; i++) task();
    count += CHUNK;
    tookMs = performance.now() - startMs;
  }
  return (count * 1000) / tookMs;
}

const perSecond: Record<string, number[]> = {};
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, task] of Object.entries(tasks)) {
    const rate = measure(task);
    // The first warms up.
    if (round > 0) (perSecond[name] ??= []).push(rate);
  }
}

const median = (values: number[]): number => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1]!);
const result = {
  recordBytes: bytes.length,
  textBytes: text.length,
  rounds: ROUNDS,
  load: loadavg()[0],
  registryLoadMs: Number(loadMs.toFixed(1)),
  perSecond: Object.fromEntries(Object.entries(perSecond).map(([name, rates]) => [name, median(rates)])),
};
if (options.json) console.log(JSON.stringify(result));
else {
  console.log(
    `record ${result.recordBytes} B, text ${result.textBytes} B, descriptors loaded in ${result.registryLoadMs} ms`,
  );
  for (const [name, rate] of Object.entries(result.perSecond)) console.log(`${name.padEnd(22)} ${rate} a second`);
}
