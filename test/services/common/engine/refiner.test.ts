import assert from "node:assert/strict";
import { test } from "node:test";
import { REFINE_CONCURRENCY, REFINE_DELAY_MS, Refiner } from "../../../../services/common/engine/observer/refiner.ts";

test("a hundred objects are asked about once each, few at a time", async () => {
  const asked = new Map<string, number>();
  let running = 0;
  let most = 0;
  const refiner = new Refiner(async (key) => {
    running += 1;
    most = Math.max(most, running);
    asked.set(key, (asked.get(key) ?? 0) + 1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  });
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < 100; i += 1) refiner.request(`c${i}`, REFINE_DELAY_MS);
  }
  await refiner.idle();
  assert.equal(asked.size, 100);
  assert.deepEqual([...new Set(asked.values())], [1]);
  assert.ok(most <= REFINE_CONCURRENCY, `${most} at a time`);
});

test("what is asked for while the question runs is asked once more", async () => {
  let asked = 0;
  let answer = (): void => undefined;
  const refiner = new Refiner(async () => {
    asked += 1;
    if (asked === 1) await new Promise<void>((resolve) => (answer = resolve));
  });
  refiner.request("a");
  refiner.request("a");
  refiner.request("a");
  assert.equal(asked, 1);
  answer();
  await refiner.idle();
  assert.equal(asked, 2);
});

test("clear forgets what has not begun", async () => {
  const asked: string[] = [];
  const refiner = new Refiner(async (key) => void asked.push(key));
  refiner.request("later", REFINE_DELAY_MS);
  refiner.clear();
  await refiner.idle();
  assert.deepEqual(asked, []);
});
