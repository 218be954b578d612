import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { trimLog } from "../../../../services/common/store/log/janitor.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import { Follower } from "./follower.ts";
import type { TestFolder } from "./support.ts";
import { eventually, instance, instances, nameOf, open, tempFolder } from "./support.ts";

const TIME_MS = 18_000;
const TWINS = 6;

/** What may happen, in any order. */
type Command =
  | { do: "write"; twin: number; times: number }
  | { do: "delete"; twin: number }
  | { do: "kill redis" }
  | { do: "kill redis under writes"; twin: number }
  | { do: "wipe redis" }
  | { do: "save redis" }
  | { do: "roll redis back" }
  | { do: "count"; times: number; kill: boolean }
  | { do: "reopen the store" }
  | { do: "trim"; keep: number }
  | { do: "disconnect"; follower: number }
  | { do: "reconnect"; follower: number };

const twin = fc.nat({ max: TWINS - 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("write" as const), twin, times: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete" as const), twin }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill redis" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill redis under writes" as const), twin }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wipe redis" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("save redis" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("roll redis back" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("count" as const),
      times: fc.integer({ min: 2, max: 5 }),
      kill: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("disconnect" as const), follower: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reopen the store" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("trim" as const), keep: fc.nat({ max: 6 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("reconnect" as const), follower: fc.nat({ max: 2 }) }) },
);

describe("store and Watch under everything that may happen", () => {
  let redis: TestRedis;
  const seen = { runs: 0, resumed: 0, resets: 0, commands: 0 };

  before(async () => {
    redis = await startRedis();
  });

  after(async () => {
    await redis?.stop();
  });

  /** One life of a service and three watchers. `expected`: what was acknowledged, by twin. */
  async function live(commands: Command[]): Promise<void> {
    const folder: TestFolder = await tempFolder();
    const data = join(redis.dir, "appendonlydir");
    let store: StoreHandle = await open({ redisUrl: redis.url, dataDir: folder.path });
    const expected = new Map<number, string>();
    const followers = [new Follower(), new Follower(), new Follower()];
    const copy = join(folder.path, "redis-copy");
    let value = 0;
    let count = 0;

    const write = async (n: number): Promise<void> => {
      const image = `v${value++}`;
      await store.transact(
        async (tx) => {
          for (const half of ["a", "b"]) {
            const found = await tx.get(instances, nameOf(`t${n}-${half}`));
            const record = found ?? instance(`t${n}-${half}`);
            record.spec!.image = image;
            if (found) tx.put(instances, record);
            else tx.create(instances, record);
          }
        },
        { durable: true },
      );
      expected.set(n, image);
    };
    /** One more, exactly: neither a conflict nor a lost reply may make it none or two. */
    const increment = async (): Promise<void> => {
      await store.transact(
        async (tx) => {
          const found = await tx.get(instances, nameOf("counter"));
          const record = found ?? instance("counter");
          record.spec!.image = found ? String(Number(record.spec!.image) + 1) : "1";
          if (found) tx.put(instances, record);
          else tx.create(instances, record);
        },
        { durable: true },
      );
      count++;
    };
    const remove = (n: number): Promise<void> =>
      store.transact(
        async (tx) => {
          for (const half of ["a", "b"]) {
            if (await tx.get(instances, nameOf(`t${n}-${half}`))) tx.delete(instances, nameOf(`t${n}-${half}`));
          }
        },
        { durable: true },
      );
    const run = async (step: Command): Promise<void> => {
      switch (step.do) {
        case "write":
          for (let n = 0; n < step.times; n++) await write(step.twin);
          return;
        case "delete":
          await remove(step.twin);
          expected.delete(step.twin);
          return;
        case "kill redis":
          await redis.kill();
          return redis.start();
        case "kill redis under writes": {
          const writes = Promise.all([write(step.twin), write((step.twin + 1) % TWINS)]);
          writes.catch(() => undefined);
          await redis.kill();
          await redis.start();
          await writes;
          return;
        }
        case "wipe redis":
          await redis.kill();
          await redis.wipe();
          return redis.start();
        case "save redis":
          await rm(copy, { recursive: true, force: true });
          return cp(data, copy, { recursive: true });
        case "roll redis back":
          if (!existsSync(copy)) return;
          await redis.kill();
          await redis.wipe();
          await cp(copy, data, { recursive: true });
          return redis.start();
        case "count": {
          const increments = Promise.all(Array.from({ length: step.times }, increment));
          increments.catch(() => undefined);
          if (step.kill) {
            await redis.kill();
            await redis.start();
          }
          await increments;
          return;
        }
        case "disconnect":
          return followers[step.follower]!.disconnect();
        case "reopen the store": {
          const connected = followers.map((follower) => follower.connected);
          await Promise.all(followers.map((follower) => follower.disconnect()));
          await store.close();
          store = await open({ redisUrl: redis.url, dataDir: folder.path });
          return followers.forEach((follower, n) => connected[n] && follower.connect(store));
        }
        case "trim": {
          const limits = { entriesMax: step.keep, bytesMax: 1e9, ageMaxMs: 1e9 };
          // Just after a crash the connection may not be back yet: then there is no trim.
          if (store.connected) await trimLog(store.link.redis, store.keys, limits, Date.now()).catch(notConnected);
          return;
        }
        case "reconnect":
          await followers[step.follower]!.disconnect();
          return followers[step.follower]!.connect(store);
      }
    };

    try {
      followers.forEach((follower) => follower.connect(store));
      for (const step of commands) await run(step);
      for (const follower of followers) if (!follower.connected) follower.connect(store);
      const found = new Map<string, string>();
      for await (const record of store.all(instances)) found.set(record.meta!.name, record.spec!.image);
      const wanted = new Map<string, string>();
      if (count > 0) wanted.set(nameOf("counter"), String(count));
      for (const [n, image] of expected) for (const half of ["a", "b"]) wanted.set(nameOf(`t${n}-${half}`), image);
      assert.deepEqual(sorted(found), sorted(wanted), "what was acknowledged is what is there");
      for (const follower of followers) {
        const have = (): [string, string][] =>
          sorted(new Map([...follower.records].map(([name, record]) => [name, record.spec!.image])));
        await eventually(
          () => follower.synced && JSON.stringify(have()) === JSON.stringify(sorted(wanted)),
          10_000,
        ).catch(() => assert.deepEqual(have(), sorted(wanted), "a watcher does not end with what is there"));
        assert.deepEqual(follower.violations, []);
        seen.resumed += follower.resumed;
        seen.resets += follower.resets;
      }
      seen.runs++;
      seen.commands += commands.length;
    } finally {
      await Promise.all(followers.map((follower) => follower.disconnect()));
      await store.link.redis.flushall().catch(notConnected);
      await store.close();
      await folder.remove();
    }
  }

  test("ordered, unique, without gap, atomic, resumable", { timeout: 120_000 }, async (context) => {
    let last = Promise.resolve();
    const commands = fc.array(command, { minLength: 10, maxLength: 40, size: "max" });
    const property = fc.asyncProperty(commands, (steps) => (last = live(steps)));
    await fc.assert(property, { numRuns: 1_000, interruptAfterTimeLimit: TIME_MS, endOnFailure: true });
    // The run that the time limit cut off goes on: it counts too.
    await last;
    context.diagnostic(JSON.stringify(seen));
    assert.ok(seen.runs >= 3, "too few runs to say anything");
    assert.ok(seen.resumed > 0 && seen.resets > 0, "streams must both have resumed and have begun anew");
  });
});

function notConnected(error: unknown): void {
  if (error instanceof GantryError) throw error;
}

function sorted(map: Map<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
