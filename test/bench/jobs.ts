// What an operation costs beside its steps: from submit to its end with five steps that do nothing, one at a time, beside the floor of the same
// run: as many bare durable Redis writes, one after the other, as an operation makes. Then how many a second come through at once.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { connectRedis, waitReady } from "../../services/common/redis/connect.ts";
import { Platform, step, testJob } from "../services/common/jobs/support/platform.ts";
import { startRedis } from "../support/redis.ts";

const { values: options } = parseArgs({
  options: { json: { type: "boolean", default: false }, operations: { type: "string", default: "200" } },
});
const OPERATIONS = Number(options.operations);
const WARM_UP = 30;
const PARALLEL = 200;
/** Submit, queue, take, five steps, end, and done in the queue. */
const WRITES_PER_OPERATION = 10;

const redis = await startRedis();
const names = ["one", "two", "three", "four", "five"];
const job = testJob(
  "idle",
  names.map((name) => step(name, async () => {})),
);
const platform = await Platform.start({ redisUrl: redis.url, jobs: [job] });
const bare = connectRedis(redis.url);
await waitReady(bare, 5_000);

const took = { submit: [] as number[], whole: [] as number[], floor: [] as number[] };
for (let n = -WARM_UP; n < OPERATIONS; n += 1) {
  const begun = performance.now();
  const operation = await platform.submit(`one-${n + WARM_UP}`, { job: "idle" });
  const submitted = performance.now();
  await platform.ended(operation);
  const ended = performance.now();
  for (let write = 0; write < WRITES_PER_OPERATION; write += 1) await bare.set("floor", "x".repeat(300));
  const floor = performance.now() - ended;
  if (n < 0) continue;
  took.submit.push(submitted - begun);
  took.whole.push(ended - begun);
  took.floor.push(floor);
}

const begun = performance.now();
const submits = Array.from({ length: PARALLEL }, (_, n) => platform.submit(`many-${n}`, { job: "idle" }));
await Promise.all((await Promise.all(submits)).map((operation) => platform.ended(operation, 60_000)));
const perSecond = Math.round(PARALLEL / ((performance.now() - begun) / 1_000));

const at = (all: number[], share: number): number =>
  Number(all.toSorted((a, b) => a - b)[Math.floor(all.length * share)]!.toFixed(2));
const rows = Object.entries(took).map(([what, all]) => ({
  what,
  p10Ms: at(all, 0.1),
  p50Ms: at(all, 0.5),
  p90Ms: at(all, 0.9),
}));
const load = loadavg()[0];
if (options.json) console.log(JSON.stringify({ bench: "jobs", operations: OPERATIONS, load, rows, perSecond }));
else {
  console.log(
    `jobs: operations of five empty steps, ${OPERATIONS} one at a time, load ${load}; ${perSecond}/s with ${PARALLEL} at once`,
  );
  console.table(rows);
}
bare.disconnect();
await platform[Symbol.asyncDispose]();
await redis.stop();
