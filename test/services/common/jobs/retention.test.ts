import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { operationKind } from "../../../../services/common/jobs/kind.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { Platform, step, testJob } from "./support/platform.ts";
import { until } from "./support/until.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

let services = 0;
/** Each test has a service, thus keys, of its own. */
function start(limits: object): Promise<Platform> {
  services += 1;
  const jobs = [testJob("chain", [step("one", () => Promise.resolve())])];
  return Platform.start({ redisUrl: redis.url, service: `retention${"abc"[services]}`, jobs, limits });
}

test("finished operations beyond the limit are removed, the oldest first", async () => {
  await using platform = await start({ finishedCountMax: 2, sweepIntervalMs: 100 });
  const operations: Operation[] = [];
  for (const id of ["a", "b", "c", "d", "e"]) {
    const operation = await platform.submit(id, { job: "chain" });
    operations.push(await platform.ended(operation));
  }
  const kept = async (): Promise<string[]> => {
    const found = await Promise.all(operations.map(({ name }) => platform.store.get(operationKind, name)));
    return found.flatMap((record) => (record ? [record.meta!.name] : []));
  };
  await until(async () => (await kept()).length === 2, "two are left");
  assert.deepEqual(
    await kept(),
    operations.slice(3).map(({ name }) => name),
  );
});

test("finished operations are removed when they are old", async () => {
  await using platform = await start({ finishedAgeMs: 3_000, sweepIntervalMs: 50 });
  const { name } = await platform.ended(await platform.submit("a", { job: "chain" }));
  assert.ok(await platform.store.get(operationKind, name));
  await until(async () => (await platform.store.get(operationKind, name)) === undefined, "it is removed");
});
