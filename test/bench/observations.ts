// From a raw watch showing a change of a pod to an observer of the project's mirror having it, at a rate; how many pods a mirror holds, what an idle cluster
// costs Gantry's processes, and what an idle observer costs the gateway with few and with many pods.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setNiceness } from "../../deploy/local/process/priority.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { CONTROL_PLANE_NICE, gatewayUrl } from "../../deploy/local/services.ts";
import { startApiServer } from "../support/api-server.ts";
import { addObservedCluster } from "../support/observed-cluster.ts";
import { startPlatform } from "../support/platform.ts";
import { idleObservers } from "./observations/idle.ts";
import type { ObserverStart } from "./observations/observer.ts";
import type { ReaderStart } from "./observations/reader.ts";
import { LABEL, type SeenChange } from "./observations/seen.ts";
import { memoryOf } from "./process/memory.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rate: { type: "string", default: "200" },
    seconds: { type: "string", default: "15" },
    pods: { type: "string", default: "5000" },
    observers: { type: "string", default: "200" },
    "idle-seconds": { type: "string", default: "20" },
  },
});
const RATE = Number(options.rate);
const SECONDS = Number(options.seconds);
const PODS = Number(options.pods);
const OBSERVERS = Number(options.observers);
const IDLE_MS = Number(options["idle-seconds"]) * 1_000;
/** Pods of a cluster on which nothing runs but what Kubernetes needs. */
const PODS_FEW = 12;
const CONCURRENCY = 16;
const ARRIVAL_TIMEOUT_MS = 120_000;
const CLUSTER = "dev";
const NAMESPACE = "bench";
const MIB = 1024 ** 2;

const api = await startApiServer();
await using _api = api;
await using platform = await startPlatform({ services: ["compute", "cluster", "gateway"] });
const pods = `/api/v1/namespaces/${NAMESPACE}/pods`;
await api.client.call("POST", "/api/v1/namespaces", { body: { metadata: { name: NAMESPACE } } });

/** `work` for each number, so many at a time. */
async function each(from: number, to: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = from;
  const run = async (): Promise<void> => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, run));
}

function makePods(from: number, to: number): Promise<void> {
  return each(from, to, (i) => {
    const spec = { containers: [{ name: "main", image: "busybox:1.35", command: ["sleep", "1000"] }] };
    return api.client.call("POST", pods, { body: { metadata: { name: `p${i}`, labels: { app: "bench" } }, spec } });
  });
}

/** A process that tells what it sees, ready when this resolves, and as nice as Gantry's own: it stands for one on another machine. */
async function start(file: string, first: object): Promise<ChildProcess> {
  const path = join(import.meta.dirname, "observations", file);
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // Niceness is told per session. It ends with its channel to this process.
    detached: true,
  });
  setNiceness(child.pid!, CONTROL_PLANE_NICE);
  child.send(first);
  await once(child, "message");
  return child;
}

const observerStart: ObserverStart = {
  url: gatewayUrl(platform.addresses.http).replace(/^http/, "ws"),
  token: platform.adminToken,
  ca: platform.ca.toString(),
  prefix: `kubernetes/${CLUSTER}/Pod/`,
};

async function memory() {
  await delay(IDLE_MS);
  const [cluster, gateway] = await Promise.all([
    memoryOf(platform.services.cluster!.pid),
    memoryOf(platform.services.gateway!.pid),
  ]);
  return { clusterBytes: cluster.pssBytes, gatewayBytes: gateway.pssBytes };
}

async function untilShown(observer: ChildProcess, wanted: number): Promise<void> {
  await waitUntil(
    async () => {
      observer.send("count");
      for (;;) {
        const [message] = (await once(observer, "message")) as [{ pods?: number }];
        if (message.pods !== undefined) return message.pods >= wanted ? true : undefined;
      }
    },
    { what: `${wanted} pods in the mirror`, timeoutMs: ARRIVAL_TIMEOUT_MS, intervalMs: 200 },
  );
}

/** Changes pods at the rate; the times of both who look, by change. */
async function latency(count: number, observer: ChildProcess) {
  const { metadata } = await api.client.get<{ metadata: { resourceVersion: string } }>(pods, { query: { limit: 1 } });
  const { resourceVersion } = metadata;
  const { port, adminConf } = api;
  const reader = await start("reader.ts", { port, adminConf, resourceVersion } satisfies ReaderStart);
  const told = new Map<string, bigint>();
  const had = new Map<string, bigint>();
  const note = (times: Map<string, bigint>) => (seen: Partial<SeenChange>) => {
    if (seen.key !== undefined && !times.has(seen.key)) times.set(seen.key, BigInt(seen.nanos!));
  };
  const noteHad = note(had);
  reader.on("message", note(told));
  observer.on("message", noteHad);
  const changes = RATE * SECONDS;
  const beganMs = performance.now();
  try {
    await each(0, changes, async (i) => {
      await delay(Math.max(1, beganMs + (i / RATE) * 1_000 - performance.now()));
      const body = { metadata: { labels: { [LABEL]: `c${i}` } } };
      await api.client.call("PATCH", `${pods}/p${i % count}`, { body, contentType: "application/merge-patch+json" });
    });
    const tookMs = performance.now() - beganMs;
    await waitUntil(async () => (told.size >= changes && had.size >= changes ? true : undefined), {
      what: `${changes} changes: ${told.size} told, ${had.size} had`,
      timeoutMs: 10_000,
    }).catch(() => undefined);
    const values = [...had].flatMap(([key, nanos]) => (told.has(key) ? [Number(nanos - told.get(key)!) / 1e6] : []));
    const quantile = (q: number): number =>
      round(values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!);
    return {
      perSecond: round(changes / (tookMs / 1_000)),
      told: told.size,
      seen: values.length,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      maxMs: quantile(1),
    };
  } finally {
    observer.off("message", noteHad);
    reader.disconnect();
  }
}

function round(value: number): number {
  return Number(value.toFixed(2));
}

const mib = (bytes: number): number => round(bytes / MIB);

const before = await memory();
await makePods(0, PODS_FEW);
await addObservedCluster(platform, api, CLUSTER);
const observer = await start("observer.ts", observerStart);
await untilShown(observer, PODS_FEW);
const idle = await memory();
const observersFew = await idleObservers(observerStart, platform.services.gateway!.pid, OBSERVERS);
const few = await latency(PODS_FEW, observer);
await makePods(PODS_FEW, PODS);
const shownFromMs = performance.now();
await untilShown(observer, PODS);
const shownMs = performance.now() - shownFromMs;
const full = await memory();
const many = await latency(PODS, observer);
const observersMany = await idleObservers(observerStart, platform.services.gateway!.pid, OBSERVERS);
observer.disconnect();

const results = {
  [`pod changes at ${RATE}/s, ${PODS_FEW} pods`]: few,
  [`pod changes at ${RATE}/s, ${PODS} pods`]: many,
  idleCluster: {
    clusterMib: mib(idle.clusterBytes - before.clusterBytes),
    gatewayMib: mib(idle.gatewayBytes - before.gatewayBytes),
  },
  [`${PODS} pods`]: {
    clusterMib: mib(full.clusterBytes - before.clusterBytes),
    gatewayMib: mib(full.gatewayBytes - before.gatewayBytes),
    shownAfterLastMs: round(shownMs),
  },
  idleObserver: { [`kibAt${PODS_FEW}`]: round(observersFew / 1024), [`kibAt${PODS}`]: round(observersMany / 1024) },
};
const load = loadavg()[0]?.toFixed(2);
if (options.json) console.log(JSON.stringify({ observations: results, load }));
else {
  console.log(`a cluster's API, Gantry's cluster service and gateway, an observer over WebSocket; load ${load}`);
  console.dir(results);
}
