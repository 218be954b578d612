import assert from "node:assert/strict";
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

const TIME_MS = 15_000;
const TWINS = 6;

/** What may happen, in any order. */
type Command =
  | { do: "write"; twin: number; times: number }
  | { do: "delete"; twin: number }
  | { do: "kill redis" }
  | { do: "kill redis under writes"; twin: number }
  | { do: "wipe redis" }
  | { do: "reopen the store" }
  | { do: "trim"; keep: number }
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
    let store: StoreHandle = await open({ redisUrl: redis.url, dataDir: folder.path });
    const expected = new Map<number, string>();
    const followers = [new Follower(), new Follower(), new Follower()];
    let value = 0;

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
        case "reopen the store": {
          await Promise.all(followers.map((follower) => follower.disconnect()));
          await store.close();
          store = await open({ redisUrl: redis.url, dataDir: folder.path });
          return followers.forEach((follower) => follower.connect(store));
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
      const found = new Map<string, string>();
      for await (const record of store.all(instances)) found.set(record.meta!.name, record.spec!.image);
      const wanted = new Map<string, string>();
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
    const property = fc.asyncProperty(fc.array(command, { minLength: 8, maxLength: 30 }), live);
    await fc.assert(property, { numRuns: 1_000, interruptAfterTimeLimit: TIME_MS, endOnFailure: true });
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
