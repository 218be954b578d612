// Fan-out of mirrors to observers beside its floor, a bare loop over ws sockets. See README.md for the way of measuring.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Pair } from "./fanout/processes.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    observers: { type: "string", default: "1000" },
    idle: { type: "string", default: "5000" },
  },
});
const ROUNDS = Number(options.rounds);
const ROUND_MS = Number(options.seconds) * 1_000;
const OBSERVERS = Number(options.observers);
const IDLE = Number(options.idle);
/** Messages of one Watch batch when saturated. */
const BATCHES = [1, 8, 50];
const DELIVERIES_PER_SECOND = 50_000;
/** Observers that are there before those whose memory is measured. */
const IDLE_BEFORE = 2_000;
const SETTLE_MS = 500;
const DELIVERY_TIMEOUT_MS = 30_000;
const PEEK_INTERVAL_MS = 50;
const IDLE_SETTLE_MS = 3_000;

const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

interface Round {
  usPerDelivery: number;
  deliveriesPerSecond: number;
  bytesPerDelivery: number;
  p50Ms: number;
  p99Ms: number;
}

async function measure(pair: Pair, batch: number, batchesPerSecond: number, readers = OBSERVERS): Promise<Round> {
  await pair.counts();
  const cpuMs = pair.server.cpuMs();
  const startMs = performance.now();
  const { messages } = await pair.server.ask<{ messages: number }>({
    do: "publish",
    batch,
    batchesPerSecond,
    ms: ROUND_MS,
  });
  const tookMs = performance.now() - startMs;
  const expected = messages * readers;
  await delivered(pair, expected);
  const usedMs = pair.server.cpuMs() - cpuMs;
  const counts = await pair.counts();
  if (counts.gaps > 0 || counts.ended > 0) throw new Error(`${counts.gaps} gaps, ${counts.ended} connections lost`);
  if (counts.deliveries !== expected) throw new Error(`${counts.deliveries} of ${expected} delivered`);
  return {
    usPerDelivery: (usedMs * 1_000) / counts.deliveries,
    deliveriesPerSecond: (counts.deliveries * 1_000) / tookMs,
    bytesPerDelivery: counts.bytes / counts.deliveries,
    p50Ms: counts.latenciesMs.p50,
    p99Ms: counts.latenciesMs.p99,
  };
}

/** The observers may be behind the server when it is done: all must come, however late. */
async function delivered(pair: Pair, expected: number): Promise<void> {
  const deadlineMs = performance.now() + DELIVERY_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const { deliveries } = await pair.generator.ask<{ deliveries: number }>({ do: "peek" });
    if (deliveries >= expected) return;
    await settle(PEEK_INTERVAL_MS);
  }
}

function summary(rounds: Round[]): Record<keyof Round, number> {
  const of = (key: keyof Round): number => round(median(rounds.map((each) => each[key])));
  return {
    usPerDelivery: of("usPerDelivery"),
    deliveriesPerSecond: Math.round(of("deliveriesPerSecond")),
    bytesPerDelivery: Math.round(of("bytesPerDelivery")),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
  };
}

async function compare(
  batch: number,
  batchesPerSecond: number,
  pairs: Record<string, Pair>,
): Promise<Record<string, Record<keyof Round, number>>> {
  const rounds: Record<string, Round[]> = {};
  for (let i = 0; i <= ROUNDS; i++) {
    for (const [name, pair] of Object.entries(pairs)) {
      const one = await measure(pair, batch, batchesPerSecond);
      // The first warms up.
      if (i > 0) (rounds[name] ??= []).push(one);
    }
  }
  return Object.fromEntries(Object.entries(rounds).map(([name, each]) => [name, summary(each)]));
}

/** One in a hundred stops reading: what the others notice. */
async function stalled(pair: Pair): Promise<object> {
  const stalls = OBSERVERS / 100;
  const without: number[] = [];
  const withStalled: number[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const calm = await measure(pair, 1, DELIVERIES_PER_SECOND / OBSERVERS);
    await pair.generator.ask({ do: "stall", count: stalls, on: true });
    const disturbed = await measure(pair, 1, DELIVERIES_PER_SECOND / OBSERVERS, OBSERVERS - stalls);
    await pair.generator.ask({ do: "stall", count: stalls, on: false });
    await settle(SETTLE_MS);
    if (i === 0) continue;
    without.push(calm.p99Ms);
    withStalled.push(disturbed.p99Ms);
  }
  return { p99MsWithout: round(median(without)), p99MsWith: round(median(withStalled)) };
}

/** What each further observer costs that only listens, once the heap has the size that connecting many takes. */
async function idle(server: string): Promise<number> {
  const pair = new Pair(server);
  await pair.start();
  await pair.connect(IDLE_BEFORE);
  await settle(IDLE_SETTLE_MS);
  const before = pair.server.rssKb();
  await pair.connect(IDLE);
  await settle(IDLE_SETTLE_MS);
  const kb = (pair.server.rssKb() - before) / IDLE;
  pair.stop();
  return round(kb);
}

const mirror = new Pair("./mirror-server.ts");
const floor = new Pair("./floor-server.ts");
const pairs = { mirror, floor };
const result: Record<string, unknown> = {
  observers: OBSERVERS,
  rounds: ROUNDS,
  loadBefore: loadavg().map((each) => round(each)),
};
try {
  for (const pair of Object.values(pairs)) {
    await pair.start();
    await pair.connect(OBSERVERS);
  }
  for (const batch of BATCHES) result[`saturated, ${batch} writes per batch`] = await compare(batch, 0, pairs);
  result[`${DELIVERIES_PER_SECOND} deliveries/s`] = await compare(1, DELIVERIES_PER_SECOND / OBSERVERS, pairs);
  result["one in a hundred stalled"] = await stalled(mirror);
} finally {
  mirror.stop();
  floor.stop();
}
result["idle, RSS KB per observer"] = {
  mirror: await idle("./mirror-server.ts"),
  floor: await idle("./floor-server.ts"),
};
result["loadAfter"] = loadavg().map((each) => round(each));
if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  for (const [name, value] of Object.entries(result)) {
    if (typeof value === "object" && !Array.isArray(value)) {
      process.stdout.write(`${name}\n`);
      console.table(value);
    } else process.stdout.write(`${name}: ${JSON.stringify(value)}\n`);
  }
}
