// Fan-out of mirrors to observers beside its floor, a bare loop over ws sockets. See README.md for the way of measuring.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { others, Pair } from "./fanout/processes.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    observers: { type: "string", default: "1000" },
    idle: { type: "string", default: "5000" },
    part: { type: "string", default: "" },
  },
});
const ROUNDS = Number(options.rounds);
const ROUND_MS = Number(options.seconds) * 1_000;
const OBSERVERS = Number(options.observers);
const IDLE = Number(options.idle);
/** One in a hundred. */
const STALLS = OBSERVERS / 100;
/** Messages of one Watch batch when saturated. */
const BATCHES = [1, 8, 50];
const DELIVERIES_PER_SECOND = 50_000;
/** Observers that are there before those whose memory is measured. */
const IDLE_BEFORE = 2_000;
const SETTLE_MS = 500;
/** A round is run again above this, up to so many times. */
const OTHERS_PERCENT_MAX = 5;
const TRIES_MAX = 4;
const DELIVERY_TIMEOUT_MS = 30_000;
const PEEK_INTERVAL_MS = 50;
const IDLE_SETTLE_MS = 20_000;

/** Rounds that were run again. */
let disturbed = 0;

const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

interface Round {
  usPerDelivery: number;
  deliveriesPerSecond: number;
  bytesPerDelivery: number;
  p50Ms: number;
  p99Ms: number;
  /** Processor time of other processes meanwhile, of one processor. */
  othersPercent: number;
}

/** One round; at a rate it is run again, a few times, where the machine had something else to do: times then say nothing of the server. */
async function measure(pair: Pair, batch: number, batchesPerSecond: number, readers = OBSERVERS): Promise<Round> {
  for (let tries = 1; ; tries++) {
    const one = await measureOnce(pair, batch, batchesPerSecond, readers);
    if (batchesPerSecond === 0 || one.othersPercent <= OTHERS_PERCENT_MAX || tries === TRIES_MAX) return one;
    disturbed++;
  }
}

async function measureOnce(pair: Pair, batch: number, batchesPerSecond: number, readers: number): Promise<Round> {
  await pair.counts();
  others.begin();
  const cpuMs = pair.server.cpuMs();
  const startMs = performance.now();
  const { messages } = await pair.server.ask<{ messages: number }>({
    do: "publish",
    batch,
    batchesPerSecond,
    ms: ROUND_MS,
  });
  const tookMs = performance.now() - startMs;
  const othersPercent = others.percent;
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
    othersPercent,
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

/** Medians. When saturated the times are of what waits in the kernel, which says nothing of the server: they are left out. */
function summary(rounds: Round[], timed: boolean): Partial<Record<keyof Round, number>> {
  const of = (key: keyof Round): number => round(median(rounds.map((each) => each[key])));
  return {
    usPerDelivery: of("usPerDelivery"),
    deliveriesPerSecond: Math.round(of("deliveriesPerSecond")),
    bytesPerDelivery: Math.round(of("bytesPerDelivery")),
    ...(timed ? { p50Ms: of("p50Ms"), p99Ms: of("p99Ms") } : {}),
    othersPercent: of("othersPercent"),
  };
}

async function compare(batch: number, batchesPerSecond: number, pairs: Record<string, Pair>): Promise<object> {
  const rounds: Record<string, Round[]> = {};
  for (let i = 0; i <= ROUNDS; i++) {
    for (const [name, pair] of inTurns(Object.entries(pairs), i)) {
      const one = await measure(pair, batch, batchesPerSecond);
      // The first warms up.
      if (i > 0) (rounds[name] ??= []).push(one);
    }
  }
  const timed = batchesPerSecond > 0;
  return Object.fromEntries(Object.entries(rounds).map(([name, each]) => [name, summary(each, timed)]));
}

/** Who begins changes from round to round, so that being the first is nobody's advantage. */
function inTurns<T>(all: readonly T[], i: number): readonly T[] {
  const first = i % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** One in a hundred stops reading: what the others notice. */
async function stalled(): Promise<object> {
  const pair = new Pair("./mirror-server.ts");
  try {
    await pair.start();
    await pair.connect(OBSERVERS, STALLS);
    return await withStalled(pair);
  } finally {
    pair.stop();
  }
}

async function withStalled(pair: Pair): Promise<object> {
  const perSecond = DELIVERIES_PER_SECOND / OBSERVERS;
  const steps = {
    none: () => measure(pair, 1, perSecond),
    /** What is for them goes to the kernel still. */
    stopping: async () => {
      await pair.generator.ask({ do: "stall", count: STALLS, on: true });
      return measure(pair, 1, perSecond, OBSERVERS - STALLS);
    },
    /** The kernel takes no more for them, and they are lagging. */
    lagging: async () => {
      await pair.generator.ask({ do: "stall", count: STALLS, on: true });
      await pair.server.ask({ do: "fill" });
      const one = await measure(pair, 1, perSecond, OBSERVERS - STALLS);
      // Of this mirror, and of the one that filled their sockets.
      if ((await behind(pair)) !== 2 * STALLS) throw new Error("those that do not read are not lagging");
      return one;
    },
  };
  const p99Ms: Record<string, number[]> = {};
  for (let i = 0; i <= ROUNDS; i++) {
    for (const [name, step] of inTurns(Object.entries(steps), i)) {
      const one = await step();
      await pair.generator.ask({ do: "stall", count: STALLS, on: false });
      await nobodyBehind(pair);
      await settle(SETTLE_MS);
      if (i > 0) (p99Ms[name] ??= []).push(one.p99Ms);
    }
  }
  return Object.fromEntries(
    Object.entries(p99Ms).map(([name, each]) => [name, { p99Ms: round(median(each)), rounds: each }]),
  );
}

async function behind(pair: Pair): Promise<number> {
  return (await pair.server.ask<{ behind: number }>({ do: "behind" })).behind;
}

async function nobodyBehind(pair: Pair): Promise<void> {
  const deadlineMs = performance.now() + DELIVERY_TIMEOUT_MS;
  while ((await behind(pair)) > 0) {
    if (performance.now() > deadlineMs) throw new Error("observers that read again do not catch up");
    await settle(PEEK_INTERVAL_MS);
  }
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

const result: Record<string, unknown> = {
  observers: OBSERVERS,
  rounds: ROUNDS,
  loadBefore: loadavg().map((each) => round(each)),
};
const wanted = (part: string): boolean => options.part === "" || options.part.split(",").includes(part);

async function busy(): Promise<void> {
  const mirror = new Pair("./mirror-server.ts");
  const floor = new Pair("./floor-server.ts");
  const pairs = { mirror, floor };
  try {
    for (const pair of Object.values(pairs)) {
      await pair.start();
      await pair.connect(OBSERVERS);
    }
    if (wanted("saturated")) {
      for (const batch of BATCHES) result[`saturated, ${batch} writes per batch`] = await compare(batch, 0, pairs);
    }
    if (wanted("rate"))
      result[`${DELIVERIES_PER_SECOND} deliveries/s`] = await compare(1, DELIVERIES_PER_SECOND / OBSERVERS, pairs);
  } finally {
    mirror.stop();
    floor.stop();
  }
}

if (["saturated", "rate"].some(wanted)) await busy();
if (wanted("stalled")) result["one in a hundred stalled"] = await stalled();
if (wanted("idle")) {
  result["idle, RSS KB per observer"] = {
    mirror: await idle("./mirror-server.ts"),
    floor: await idle("./floor-server.ts"),
  };
}
result["roundsDisturbed"] = disturbed;
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
