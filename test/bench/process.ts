// What the services and the gateway cost while nothing happens, and how long they take until they are ready: started as `npm start` starts them, with Redis and an
// engine of their own. Cold: no compiled code is cached; warm: as from the second start on.
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { ServiceName } from "../../deploy/local/services.ts";
import { BUSYBOX } from "../images/images.ts";
import { startEngine } from "../support/engine.ts";
import { startPlatform } from "../support/platform.ts";
import { startRedis } from "../support/redis.ts";
import { cpuMsOf } from "./instance/cpu.ts";
import { memoryOf } from "./process/memory.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    "idle-seconds": { type: "string", default: "10" },
  },
});
const ROUNDS = Number(options.rounds);
const IDLE_MS = Number(options["idle-seconds"]) * 1_000;
const SERVICES = ["compute", "cluster", "gateway"] as const;
const MIB = 1024 ** 2;

interface Sample {
  /** From its start to the first good answer of /healthz. */
  readyMs: number;
  /** What it says itself. */
  ownMs: number;
  pssMib: number;
  privateMib: number;
  /** Of one processor, in the time it was watched. */
  idleCpuPercent: number;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const round = (value: number): number => Number(value.toFixed(1));

// Loads what asks /healthz, so that the first process does not wait for it.
await (await fetch("data:,")).text();
await using engine = await startEngine({ images: [BUSYBOX] });
await using redis = await startRedis();

/** One start of all. A cold one fills `cache`. */
async function measure(cache: string): Promise<Record<ServiceName, Sample>> {
  const settings = { NODE_COMPILE_CACHE: cache };
  await using platform = await startPlatform({
    engine,
    redis,
    images: [BUSYBOX],
    services: SERVICES,
    settings: { compute: settings, cluster: settings, gateway: settings },
  });
  await delay(IDLE_MS);
  const pids = Object.fromEntries(SERVICES.map((name) => [name, platform.services[name]!.pid]));
  const before = await cpuMsOf(pids);
  await delay(IDLE_MS);
  const after = await cpuMsOf(pids);
  const samples = {} as Record<ServiceName, Sample>;
  for (const name of SERVICES) {
    const { pssBytes, privateBytes } = await memoryOf(pids[name]!);
    samples[name] = {
      readyMs: platform.services[name]!.readyMs,
      ownMs: ownReadyMs(await platform.logs(name)),
      pssMib: pssBytes / MIB,
      privateMib: privateBytes / MIB,
      idleCpuPercent: ((after[name]! - before[name]!) / IDLE_MS) * 100,
    };
  }
  return samples;
}

function ownReadyMs(log: string): number {
  for (const line of log.split("\n")) {
    if (!line.includes('"msg":"ready"')) continue;
    return (JSON.parse(line) as { ms: number }).ms;
  }
  throw new Error("the log has no line `ready`");
}

const cold: Record<ServiceName, Sample>[] = [];
const warm: Record<ServiceName, Sample>[] = [];
for (let i = 0; i < ROUNDS; i += 1) {
  const cache = await mkdtemp(join(tmpdir(), "gantry-bench-cache-"));
  try {
    cold.push(await measure(cache));
    warm.push(await measure(cache));
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

const rows = SERVICES.flatMap((name) =>
  Object.entries({ cold, warm }).map(([start, samples]) => {
    const of = (field: keyof Sample): number => round(median(samples.map((sample) => sample[name][field])));
    return {
      process: name,
      start,
      readyMs: of("readyMs"),
      ownMs: of("ownMs"),
      pssMib: of("pssMib"),
      privateMib: of("privateMib"),
      idleCpuPercent: of("idleCpuPercent"),
    };
  }),
);
const load = loadavg()[0]?.toFixed(2);
if (options.json) {
  console.log(JSON.stringify({ process: rows, rounds: ROUNDS, load }));
} else {
  console.table(rows);
  console.log(`medians of ${ROUNDS} starts; load ${load}`);
}
