// What Gantry adds to the engine: one instance beside the engine's own create+start of the same container, in turns; a hundred busybox
// instances (and ten with an inner engine) asked for at once beside the engine's own best concurrency, in the same run; and how
// long unary calls take meanwhile.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { InstanceSpec } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { withDefaults } from "../../services/compute/instances/defaults.ts";
import { formatIpv4, parseRange } from "../../services/common/network/cidr.ts";
import { BUSYBOX, DIND, SLEEP, TestCompute } from "../services/compute/support/compute.ts";
import { inspectNetwork } from "./instance/network.ts";
import { cpuMsOf } from "./instance/cpu.ts";
import { createRaw, issueTls, type RawContainer, removeRaw } from "./instance/raw.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    pairs: { type: "string", default: "25" },
    burst: { type: "string", default: "100" },
    dind: { type: "string", default: "10" },
    concurrency: { type: "string", default: "1,2,4,8,16,32" },
    "engine-concurrency": { type: "string" },
    part: { type: "string", default: "pairs,burst,dind" },
  },
});
const UNARY_INTERVAL_MS = 50;
const REMOVE_CONCURRENCY = 8;
const parts = options.part.split(",");
/** Of the process under test; undefined: its default. */
const engineConcurrency = options["engine-concurrency"];

const compute = await TestCompute.start({
  env: engineConcurrency === undefined ? {} : { GANTRY_ENGINE_CONCURRENCY: engineConcurrency },
});
await compute.capabilitiesKnown();
let lastId = 0;
const nextId = (): string => `b${++lastId}`;

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const quantile = (values: number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] as number;
const round = (value: number): number => Number(value.toFixed(3));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** `count` times with at most `concurrency` at once. */
async function many<T>(count: number, concurrency: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, concurrency) }, worker));
  return results;
}

/** Delays of a unary call made over and over while `work` runs. */
async function withUnaryCalls<T>(work: () => Promise<T>): Promise<{ result: T; delaysMs: number[] }> {
  const delaysMs: number[] = [];
  const stop = new AbortController();
  const asking = (async () => {
    while (!stop.signal.aborted) {
      delaysMs.push(await timed(() => compute.ask("getProject", { name: compute.project })));
      await new Promise((resolve) => setTimeout(resolve, UNARY_INTERVAL_MS));
    }
  })();
  try {
    return { result: await work(), delaysMs };
  } finally {
    stop.abort();
    await asking;
  }
}

interface Subject {
  spec: InstanceSpec;
  tls?: Awaited<ReturnType<typeof issueTls>>;
}

const warm = nextId();
await compute.created(warm);
await compute.delete(warm);
const { subnet, innerPool } = await inspectNetwork(compute.engine, compute.network);
const common = { network: compute.network, innerPool };

function subject(spec: Record<string, unknown>, tls?: Subject["tls"]): Subject {
  const full = withDefaults(InstanceSpec.fromPartial(spec), { id: "bench", defaultImage: DIND });
  return { spec: full, ...(tls ? { tls } : {}) };
}

const raw = (what: Subject): Promise<RawContainer> => createRaw(compute.engine, { ...common, ...what });
const gantry = async (what: Subject): Promise<string> => {
  const id = nextId();
  await compute.created(id, { image: what.spec.image, command: what.spec.command });
  return id;
};

async function pairs(what: Subject, count: number) {
  const rawMs: number[] = [];
  const gantryMs: number[] = [];
  // The first pair warms up and does not count.
  for (let pair = 0; pair <= count; pair += 1) {
    let made: RawContainer | undefined;
    let id = "";
    const one = async (): Promise<void> => void rawMs.push(await timed(async () => (made = await raw(what))));
    const other = async (): Promise<void> => void gantryMs.push(await timed(async () => (id = await gantry(what))));
    for (const turn of pair % 2 === 0 ? [one, other] : [other, one]) await turn();
    await removeRaw(compute.engine, made!, what.spec);
    await compute.delete(id);
  }
  rawMs.shift();
  gantryMs.shift();
  const ratios = gantryMs.map((ms, i) => ms / rawMs[i]!);
  return {
    pairs: count,
    rawMs: round(median(rawMs)),
    gantryMs: round(median(gantryMs)),
    ratioOfMedians: round(median(gantryMs) / median(rawMs)),
    medianOfRatios: round(median(ratios)),
  };
}

async function burst(what: Subject, count: number, concurrencies: number[]) {
  const rawMs: Record<string, number> = {};
  for (const concurrency of concurrencies) {
    const made: RawContainer[] = [];
    rawMs[concurrency] = round(
      await timed(() => many(count, concurrency, async () => void made.push(await raw(what)))),
    );
    await many(made.length, REMOVE_CONCURRENCY, (i) => removeRaw(compute.engine, made[i]!, what.spec));
  }
  const ids: string[] = [];
  let gantryMs = 0;
  const cpuBefore = await cpuMsOf({ compute: compute.pid, redis: compute.redis.pid });
  const { delaysMs } = await withUnaryCalls(async () => {
    gantryMs = await timed(() => many(count, count, async () => void ids.push(await gantry(what))));
  });
  const cpuAfter = await cpuMsOf({ compute: compute.pid, redis: compute.redis.pid });
  await many(ids.length, count, (i) => compute.delete(ids[i]!));
  const best = Math.min(...Object.values(rawMs));
  return {
    count,
    rawMsByConcurrency: rawMs,
    gantryMs: round(gantryMs),
    ratioToBest: round(gantryMs / best),
    unaryP50Ms: round(quantile(delaysMs, 0.5)),
    unaryP99Ms: round(quantile(delaysMs, 0.99)),
    unaryCalls: delaysMs.length,
    cpuMsPerInstance: Object.fromEntries(
      Object.entries(cpuAfter).map(([name, ms]) => [name, round((ms - cpuBefore[name]!) / count)]),
    ),
  };
}

try {
  const busybox = subject({ image: BUSYBOX, command: SLEEP });
  const result: Record<string, unknown> = {};
  if (parts.includes("pairs")) result["pairs"] = await pairs(busybox, Number(options.pairs));
  if (parts.includes("burst")) {
    result["burst"] = await burst(busybox, Number(options.burst), options.concurrency.split(",").map(Number));
  }
  if (parts.includes("dind")) {
    const { first } = parseRange(subnet)!;
    // What the engine gives out itself is in the upper half.
    const tls = await issueTls(Array.from({ length: 64 }, (_, i) => formatIpv4(first + 2048 + i)));
    const count = Number(options.dind);
    result["dindPairs"] = await pairs(subject({}, tls), Math.min(20, Number(options.pairs)));
    result["dindBurst"] = await burst(subject({}, tls), count, [1, 2, 4, count]);
  }
  const load = loadavg()[0]?.toFixed(2);
  console.log(
    options.json ? JSON.stringify({ instance: result, load }) : JSON.stringify({ ...result, load }, undefined, 2),
  );
} finally {
  await compute[Symbol.asyncDispose]();
}
