// Durable record writes (Redis fsyncs each before it answers) by one caller and by 16, beside the floor of the same run: a bare Lua script that
// writes the same bytes. Each measurement takes its turn in each round.
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pino } from "pino";
import { Instance, InstanceSpec } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { connectRedis, waitReady } from "../../services/common/redis/connect.ts";
import { defineScript, runScript } from "../../services/common/redis/script.ts";
import type { Kind } from "../../services/common/store/api.ts";
import { openStore } from "../../services/common/store/store.ts";
import { startRedis } from "../support/redis.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "1" },
  },
});
const ROUNDS = Number(options.rounds);
const ROUND_MS = Number(options.seconds) * 1_000;
const HOST = "bench";

const kind: Kind<Instance> = {
  name: "Instance",
  typeName: "gantry.compute.v1.Instance",
  message: Instance,
  schema: 1,
  spec: (record) => InstanceSpec.encode(record.spec ?? InstanceSpec.create()).finish(),
  hostless: false,
};

/** A record of about 300 bytes; `host` elsewhere: its file is another host's work. */
function record(n: number, host: string): Instance {
  return Instance.fromPartial({
    meta: { name: `projects/default/instances/i${n}`, labels: { app: "web", tier: "front" }, host },
    spec: { image: "docker.io/library/nginx:1.27", cpuMillis: 1500n, memoryBytes: 536870912n },
  });
}

const BARE = defineScript(`
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[3], string.format('%.0f-0', revision), 'd', ARGV[2])
return revision
`);

const redis = await startRedis();
const dataDir = await mkdtemp(join(tmpdir(), "gantry-bench-store-"));
const log = pino({ level: "silent" });
const store = await openStore({
  service: "bench",
  host: HOST,
  redisUrl: redis.url,
  dataDir,
  kinds: [kind],
  log,
  signal: new AbortController().signal,
});
const bare = connectRedis(redis.url, { protocol: 2 });
await waitReady(bare, 5_000);

let n = 0;
const bareBytes = Buffer.alloc(300, 120);
const create = (host: string, durable: boolean) => () =>
  store.transact(async (tx) => tx.create(kind, record(n++, host)), { durable });
const anyName = (): string => `projects/default/instances/i${Math.floor(Math.random() * 100)}`;
await Promise.all(Array.from({ length: 100 }, create("elsewhere", false)));

const works: Record<string, () => Promise<unknown>> = {
  "floor: bare Lua write": () =>
    runScript(bare, BARE, ["{f}:meta", "{f}:r", "{f}:log"], [`projects/default/instances/i${n++}`, bareBytes]),
  "create a record": create("elsewhere", false),
  "create, file on this host too": create(HOST, true),
  "read, change, write a record": () => {
    const name = `projects/default/instances/i${n++ % 100}`;
    return store.mutate(kind, name, (found) => void (found.meta!.annotations["n"] = String(n)));
  },
  "get a record": () => store.get(kind, anyName()),
};

/** Calls per second. */
async function measure(work: () => Promise<unknown>, callers: number): Promise<number> {
  let count = 0;
  const startMs = performance.now();
  const endMs = startMs + ROUND_MS;
  const caller = async (): Promise<void> => {
    for (; performance.now() < endMs; count++) await work();
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return count / ((performance.now() - startMs) / 1_000);
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const found = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, work] of Object.entries(works)) {
    for (const callers of [1, 16]) {
      const key = `${name}|${callers}`;
      found.set(key, [...(found.get(key) ?? []), await measure(work, callers)]);
    }
  }
}

const rows = Object.keys(works).map((what) => ({
  what,
  "1 caller, per s": Math.round(median(found.get(`${what}|1`)!)),
  "16 callers, per s": Math.round(median(found.get(`${what}|16`)!)),
}));
const load = loadavg()[0];
if (options.json) console.log(JSON.stringify({ bench: "store", rounds: ROUNDS, load, rows }));
else {
  console.log(`store: appendfsync always, records of ~300 B, median of ${ROUNDS} rounds, load ${load}`);
  console.table(rows);
}

await store.close();
bare.disconnect();
await redis.stop();
await rm(dataDir, { recursive: true, force: true });
