// Replay of real log entries through gRPC (mutual TLS) to a client in another process: from Redis, and from the server's memory; beside the floor of
// the same run, a bare XRANGE of the same entries. The client counts events without decoding them ("bytes"), and as a program that uses them would
// ("decoded"). Then the time from an acknowledged write to its event.
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "@grpc/grpc-js";
import { pino } from "pino";
import { ComputeServiceService } from "../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { WatchRequest, WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { connectRedis, waitReady } from "../../services/common/redis/connect.ts";
import { createRealm, issueCertificate } from "../../services/common/realm/realm.ts";
import { loadTls } from "../../services/common/realm/tls.ts";
import { channelOptions } from "../../services/common/rpc/client.ts";
import { WireReader } from "../../services/common/store/log/wire.ts";
import { openStore } from "../../services/common/store/store.ts";
import { startRedis } from "../support/redis.ts";
import { LOG_POLICY, kind } from "./watch/kind.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    entries: { type: "string", default: "100000" },
  },
});
const ROUNDS = Number(options.rounds);
const ENTRIES = Number(options.entries);
/** What the server's memory holds of these entries, with room to spare. */
const TAIL_ENTRIES = Math.min(ENTRIES, 100_000);
const WRITERS = 64;
const LATENCIES = 300;

const redis = await startRedis();
const dir = await mkdtemp(join(tmpdir(), "gantry-bench-watch-"));
const clientDir = join(dir, "client");
const realm = await createRealm(dir);
for (const process of ["compute", "gateway"]) await issueCertificate(realm, { process, host: "bench" });

const store = await openStore({
  service: "bench",
  host: "client",
  redisUrl: redis.url,
  dataDir: clientDir,
  kinds: [kind],
  log: pino({ level: "silent" }),
  signal: new AbortController().signal,
  logPolicy: LOG_POLICY,
});

/** Changes of a few records, ~300 B each; every change is a write, and so an entry, of its own. */
async function write(count: number): Promise<void> {
  let left = count;
  const writer = async (w: number): Promise<void> => {
    const name = `projects/default/instances/w${w}`;
    for (; left > 0;) {
      left--;
      await store.transact(async (tx) => {
        const found = await tx.get(kind, name);
        const meta = { name, labels: { app: "web", tier: "front" }, host: "elsewhere" };
        const spec = { image: "docker.io/library/nginx:1.27", cpuMillis: BigInt(left), memoryBytes: 536870912n };
        const record = Instance.fromPartial({ meta, spec });
        if (found === undefined) tx.create(kind, record);
        else tx.put(kind, record);
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, w) => writer(w)));
}

interface Server {
  child: ChildProcess;
  client: Client;
}

/** With nothing in memory but what is written from now on. */
async function startServer(): Promise<Server> {
  const child = fork(join(import.meta.dirname, "watch", "server.ts"), [dir, redis.url]);
  const address = await new Promise<string>((resolve, reject) => {
    child.once("message", (value) => resolve(String(value)));
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const tls = loadTls({ dir: join(dir, "tls"), process: "gateway" });
  return { child, client: new Client(address, tls.channelCredentials(), channelOptions(address)) };
}

const { path, requestSerialize } = ComputeServiceService.watch;
const countBytes = (bytes: Buffer): { events: number; revision: number } => {
  const reader = new WireReader(bytes);
  const found = { events: 0, revision: 0 };
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === 10) found.events++;
    if (tag === 24) found.revision = reader.varint();
    else reader.skip(tag);
  }
  return found;
};
const countDecoded = (bytes: Buffer): { events: number; revision: number } => {
  const batch = WatchResponse.decode(bytes);
  return { events: batch.events.length, revision: Number(batch.revision) };
};

/** Events per second of a replay from `since` to `until`. */
function replay(server: Server, since: number, until: number, count: typeof countBytes): Promise<number> {
  const request = WatchRequest.fromPartial({ logId: store.tail.logId, since: BigInt(since) });
  const startMs = performance.now();
  const stream = server.client.makeServerStreamRequest(path, requestSerialize, count, request);
  let events = 0;
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", (found: { events: number; revision: number }) => {
      events += found.events;
      if (found.revision < until) return;
      stream.off("error", reject).on("error", () => undefined);
      stream.cancel();
      if (events === until - since) resolve((events / (performance.now() - startMs)) * 1_000);
      else reject(new Error(`${events} events came of ${until - since}`));
    });
  });
}

async function bareRange(): Promise<number> {
  const bare = connectRedis(redis.url, { protocol: 2 });
  await waitReady(bare, 5_000);
  const startMs = performance.now();
  let count = 0;
  for (let after = "-"; ;) {
    const entries = (await bare.callBuffer("XRANGE", store.keys.log, after, "+", "COUNT", 2_000)) as [Buffer][];
    count += entries.length;
    if (entries.length < 2_000) break;
    after = `(${entries.at(-1)![0].toString()}`;
  }
  bare.disconnect();
  return (count / (performance.now() - startMs)) * 1_000;
}

/** Milliseconds from the acknowledged write to its event at the client, one write at a time. */
async function latencies(server: Server): Promise<number[]> {
  const arrived = new Map<number, number>();
  let wanted: { revision: number; resolve: () => void } | undefined;
  const since = BigInt(store.link.identity.seen);
  const request = WatchRequest.fromPartial({ logId: store.tail.logId, since });
  const stream = server.client.makeServerStreamRequest(path, requestSerialize, countDecoded, request);
  stream.on("error", () => undefined);
  stream.on("data", ({ revision }: { revision: number }) => {
    arrived.set(revision, performance.now());
    if (wanted !== undefined && revision >= wanted.revision) wanted.resolve();
  });
  const found: number[] = [];
  for (let n = 0; n < LATENCIES; n++) {
    await write(1);
    const writtenMs = performance.now();
    const revision = store.link.identity.seen;
    if (!arrived.has(revision)) await new Promise<void>((resolve) => (wanted = { revision, resolve }));
    found.push(Math.max(0, arrived.get(revision)! - writtenMs));
  }
  stream.cancel();
  return found.sort((a, b) => a - b);
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const figures: Record<string, number[]> = {};
const take = (what: string, value: number): void => void (figures[what] ??= []).push(Math.round(value));
let server: Server | undefined;
try {
  const begin = (await store.position()).revision;
  await write(ENTRIES);
  const end = (await store.position()).revision;
  const bytes = (await store.link.redis.memory("USAGE", store.keys.log)) as number;
  server = await startServer();
  for (let round = 0; round < ROUNDS; round++) {
    take("floor: bare XRANGE", await bareRange());
    take("from Redis, bytes", await replay(server, begin, end, countBytes));
    take("from Redis, decoded", await replay(server, begin, end, countDecoded));
  }
  await write(TAIL_ENTRIES);
  const tailEnd = (await store.position()).revision;
  for (let round = 0; round < ROUNDS; round++) {
    take("from memory, bytes", await replay(server, end, tailEnd, countBytes));
    take("from memory, decoded", await replay(server, end, tailEnd, countDecoded));
  }
  const ms = await latencies(server);
  const load = loadavg()[0];
  const rows = Object.entries(figures).map(([what, values]) => ({ what, "events/s": median(values) }));
  const [p50Ms, p99Ms] = [0.5, 0.99].map((p) => Number(ms[Math.floor(ms.length * p)]!.toFixed(2)));
  const entryBytes = Math.round(bytes / (end - begin));
  if (options.json)
    console.log(JSON.stringify({ bench: "watch", entries: ENTRIES, entryBytes, load, rows, p50Ms, p99Ms }));
  else {
    console.log(`watch: ${ENTRIES} log entries of ${entryBytes} B in Redis, median of ${ROUNDS} rounds, load ${load}`);
    console.table(rows);
    console.log(`from an acknowledged write to its event: p50 ${p50Ms} ms, p99 ${p99Ms} ms`);
  }
} finally {
  server?.client.close();
  server?.child.disconnect();
  await store.close();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
}
