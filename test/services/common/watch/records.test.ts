import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { EventType } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import { Project } from "../../../../proto/gen/gantry/compute/v1/project.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { trimLog } from "../../../../services/common/store/log/janitor.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { WATCH_LIMITS } from "../../../../services/common/watch/limits.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "../store/support.ts";
import { eventually, instance, instances, nameOf, open, projects, tempFolder } from "../store/support.ts";
import type { WatchOptions } from "./support.ts";
import { Watcher } from "./support.ts";

describe("Watch of records", () => {
  let redis: TestRedis;
  let folder: TestFolder;
  let store: StoreHandle;
  let watchers: Watcher[] = [];

  before(async () => {
    redis = await startRedis();
    folder = await tempFolder();
    store = await open({ redisUrl: redis.url, dataDir: folder.path });
  });

  afterEach(async () => {
    await Promise.all(watchers.map((watcher) => watcher.close()));
    watchers = [];
  });

  after(async () => {
    await store?.close();
    await redis?.stop();
    await folder?.remove();
  });

  const watch = (options: WatchOptions = {}, of = store): Watcher => {
    const watcher = new Watcher(of, options);
    watchers.push(watcher);
    return watcher;
  };
  const create = (id: string, labels: Record<string, string> = {}, project = "default"): Promise<void> =>
    store.transact(async (tx) => tx.create(instances, instance(id, labels, undefined, project)));
  const remove = (id: string, project = "default"): Promise<void> =>
    store.transact(async (tx) => {
      await tx.need(instances, nameOf(id, project));
      tx.delete(instances, nameOf(id, project));
    });
  const label = (id: string, labels: Record<string, string>, project = "default") =>
    store.mutate(instances, nameOf(id, project), (record) => void (record.meta!.labels = labels));
  const last = () => store.position().then(({ revision }) => BigInt(revision));

  test("a snapshot, then each change as it comes", async () => {
    await create("snap1");
    await create("snap2");
    const watcher = await watch({ request: { namePrefix: "projects/default/instances/snap" } }).whenSynced();
    assert.deepEqual(watcher.names(), ["snap1", "snap2"]);
    assert.equal(watcher.resets, 0);
    assert.equal(watcher.logId, store.tail.logId);
    await create("snap3");
    await remove("snap1");
    await eventually(() => watcher.names().join() === "snap2,snap3");
    const [event] = watcher.events.filter((one) => one.name.endsWith("snap3"));
    assert.equal(event!.origin, "compute");
    assert.equal(event!.project, "default");
    const record = instances.message.decode(event!.object!.value);
    assert.equal(event!.object!.typeUrl, "type.googleapis.com/gantry.compute.v1.Instance");
    assert.equal(record.meta!.version, event!.revision);
    assert.equal(watcher.batches.filter((batch) => batch.synced).length, 1);
  });

  test("resume continues behind the bookmark, without snapshot, gap or repeat", async () => {
    await create("res1");
    const first = await watch().whenSynced();
    const { logId, revision: since } = first;
    await first.close();
    await create("res2");
    await label("res1", { a: "b" });
    const second = await watch({ request: { logId, since } }).whenSynced();
    assert.equal(second.resets, 0);
    const expected = [since + 1n, since + 2n];
    assert.deepEqual(
      second.events.map((event) => event.revision),
      expected,
    );
    assert.equal(second.revision, since + 2n);
  });

  test("resume reads from Redis what is not in this process's memory", async () => {
    const since = await last();
    for (let n = 0; n < 30; n++) await create(`old${n}`, {}, "older");
    const other = await open({ redisUrl: redis.url, dataDir: folder.path });
    assert.ok(other.tail.first > Number(since) + 1);
    const watcher = await watch({ request: { logId: store.tail.logId, since } }, other).whenSynced();
    assert.equal(watcher.resets, 0);
    assert.equal(watcher.events.length, 30);
    await create("old30", {}, "older");
    await eventually(() => watcher.events.length === 31);
    await watcher.close();
    await other.close();
  });

  for (const [what, request] of [
    ["an unknown log", async () => ({ logId: "3c4ae4b5", since: 1n })],
    ["a revision of the future", async () => ({ logId: store.tail.logId, since: (await last()) + 100n })],
  ] as const) {
    test(`${what} answers with reset and a snapshot`, async () => {
      const watcher = await watch({ request: await request() }).whenSynced();
      assert.equal(watcher.resets, 1);
      assert.ok(watcher.names().includes("snap2"));
      assert.equal(watcher.logId, store.tail.logId);
    });
  }

  test("a revision of the future that a process of the realm has seen means that the log has lost something", async () => {
    const before = store.tail.logId;
    const since = (await last()) + 100n;
    const principal = {
      kind: "process",
      subject: "gateway.a",
      realmAdmin: false,
      roles: {},
      tokenId: "",
      expiresMs: 0,
    } as const;
    const watcher = await watch({ request: { logId: before, since }, ctx: { principal } }).whenSynced();
    assert.notEqual(watcher.logId, before);
    assert.ok(watcher.revision > since);
    assert.ok(watcher.names().includes("snap2"));
  });

  test("a watcher behind the trim gets reset and a snapshot", async () => {
    const since = await last();
    for (let n = 0; n < 5; n++) await create(`trim${n}`);
    const limits = { entriesMax: 2, bytesMax: 1e9, ageMaxMs: 1e9 };
    await trimLog(store.link.redis, store.keys, limits, Date.now());
    assert.equal(await store.link.redis.xlen(store.keys.log), 2);
    const other = await open({ redisUrl: redis.url, dataDir: folder.path });
    const logId = store.tail.logId;
    const behind = await watch({ request: { logId, since } }, other).whenSynced();
    assert.equal(behind.resets, 1);
    assert.ok(behind.names().includes("trim0"));
    const atEdge = await watch({ request: { logId, since: since + 3n } }, other).whenSynced();
    assert.equal(atEdge.resets, 0);
    assert.equal(atEdge.events.length, 2);
    await Promise.all([behind.close(), atEdge.close()]);
    await other.close();
  });

  test("trimming leaves what a running snapshot needs, and goes by age and bytes too", async () => {
    const redisOf = store.link.redis;
    for (let n = 0; n < 20; n++) await create(`hold${n}`);
    const at = Number(await last()) - 10;
    const hold = await store.holdLog(at);
    await trimLog(redisOf, store.keys, { entriesMax: 1, bytesMax: 1e9, ageMaxMs: 1e9 }, Date.now());
    assert.equal((await store.position()).first, at + 1);
    await hold[Symbol.asyncDispose]();
    const nowMs = store.now().getTime();
    await trimLog(redisOf, store.keys, { entriesMax: 1e6, bytesMax: 1e9, ageMaxMs: 60_000 }, nowMs);
    await create("hold-young");
    await trimLog(redisOf, store.keys, { entriesMax: 1e6, bytesMax: 1e9, ageMaxMs: 60_000 }, nowMs + 61_000);
    assert.equal((await store.position()).first, Number(await last()));
    for (let n = 20; n < 220; n++) await create(`hold${n}`);
    const before = await redisOf.xlen(store.keys.log);
    const bytes = (await redisOf.memory("USAGE", store.keys.log)) as number;
    await trimLog(redisOf, store.keys, { entriesMax: 1e6, bytesMax: Math.floor(bytes / 2), ageMaxMs: 1e9 }, nowMs);
    const left = await redisOf.xlen(store.keys.log);
    assert.ok(left < before * 0.6 && left > 0, `${before} entries became ${left}`);
  });

  test("a selector: what stops matching is sent as deleted, what begins to match as put", async () => {
    await create("sel1", { env: "prod" }, "sel");
    await create("sel2", { env: "test" }, "sel");
    const watcher = await watch({ request: { namePrefix: "projects/sel/", labelSelector: "env=prod" } }).whenSynced();
    assert.deepEqual(watcher.names(), ["sel1"]);
    await label("sel2", { env: "prod" }, "sel");
    await eventually(() => watcher.names().join() === "sel1,sel2");
    await label("sel1", { env: "test" }, "sel");
    await eventually(() => watcher.names().join() === "sel2");
    const gone = watcher.events.at(-1)!;
    assert.equal(gone.type, EventType.EVENT_TYPE_DELETED);
    assert.equal(gone.object, undefined);
    const count = watcher.events.length;
    // Not selected: neither this change nor this deletion is for the watcher.
    await label("sel1", { env: "other" }, "sel");
    await remove("sel1", "sel");
    await remove("sel2", "sel");
    await eventually(() => watcher.names().length === 0);
    assert.equal(watcher.events.length, count + 1);
  });

  test("kinds, and what the caller may see", async () => {
    await store.transact(async (tx) => tx.create(projects, Project.fromPartial({ meta: { name: "projects/kinds" } })));
    await create("kinds1", {}, "kinds");
    await create("kinds2", {}, "hidden");
    const onlyProjects = await watch({ request: { kinds: ["Project"] } }).whenSynced();
    assert.deepEqual(onlyProjects.names("Project"), ["kinds"]);
    assert.deepEqual(onlyProjects.names(), []);
    const principal = {
      kind: "user",
      subject: "eve",
      realmAdmin: false,
      roles: { kinds: "viewer" },
      tokenId: "",
      expiresMs: 0,
    } as const;
    const eve = await watch({ ctx: { principal } }).whenSynced();
    assert.deepEqual(eve.names(), ["kinds1"]);
    await create("kinds3", {}, "hidden");
    await create("kinds4", {}, "kinds");
    await eventually(() => eve.names().length === 2);
    assert.ok(eve.events.every((event) => event.project === "kinds"));
  });

  test("every problem of a request is reported at once", async () => {
    const request = {
      kinds: Array.from({ length: 65 }, (_, n) => `K${n}`),
      labelSelector: "a in",
      namePrefix: "x".repeat(256),
    };
    const watcher = watch({ request });
    await eventually(() => watcher.error !== undefined);
    const error = watcher.error as GantryError;
    assert.equal(error.code, Code.INVALID_ARGUMENT);
    assert.deepEqual(error.violations.map(({ field }) => field).sort(), ["kinds", "label_selector", "name_prefix"]);
  });

  test("the number of watchers has a limit", async () => {
    const options = {
      store,
      observations: { origins: () => [], items: () => [], subscribe: () => () => undefined },
      limits: { ...WATCH_LIMITS, watchersMax: 0 },
    };
    const watcher = watch({ server: options });
    await eventually(() => watcher.error !== undefined);
    assert.equal((watcher.error as GantryError).code, Code.RESOURCE_EXHAUSTED);
  });

  test("an idle watcher hears bookmarks, also while all that happens is not for it", async () => {
    const watcher = await watch({
      request: { namePrefix: "projects/nothing/" },
      server: { bookmarkIntervalMs: 50 },
    }).whenSynced();
    await create("idle1");
    const target = await last();
    await eventually(() => watcher.revision >= target);
    const count = watcher.batches.length;
    await eventually(() => watcher.batches.length >= count + 3);
    assert.equal(watcher.events.length, 0);
  });

  test("one write is one event group, whatever its size", async () => {
    const watcher = await watch().whenSynced();
    await store.transact(async (tx) => {
      for (let n = 0; n < 450; n++) tx.create(instances, instance(`big${n}`, {}, undefined, "atomic"));
    });
    const revision = await last();
    await eventually(() => watcher.revision >= revision);
    const batches = watcher.batches.filter((batch) => batch.events.some((event) => event.revision === revision));
    assert.equal(batches.length, 1);
    assert.equal(batches[0]!.events.filter((event) => event.revision === revision).length, 450);
  });

  test("a slow watcher is waited for, and misses nothing", async () => {
    const slow = watch({ onWrite: () => new Promise((resolve) => setTimeout(resolve, 20)) });
    await slow.whenSynced();
    const from = await last();
    await Promise.all(Array.from({ length: 500 }, (_, n) => create(`slow${n}`, {}, "slow")));
    const target = await last();
    await eventually(() => slow.revision >= target);
    const seen = slow.events.map((event) => event.revision).filter((revision) => revision > from);
    assert.equal(seen.length, 500);
    assert.equal(new Set(seen).size, 500);
  });

  test("a snapshot taken while writes go on ends in the same state", async () => {
    const stop = new AbortController();
    const writer = (async () => {
      for (let n = 0; !stop.signal.aborted; n++) {
        await create(`churn${n % 50}`, {}, `churn${n % 3}`).catch(() => remove(`churn${n % 50}`, `churn${n % 3}`));
      }
    })();
    const during = [watch(), watch({ onWrite: () => new Promise((resolve) => setTimeout(resolve, 3)) }), watch()];
    for (const watcher of during) await watcher.whenSynced();
    stop.abort();
    await writer;
    const target = await last();
    const expected: string[] = [];
    for await (const item of store.all(instances)) expected.push(`${item.meta!.name} ${item.meta!.version}`);
    for (const watcher of during) {
      await eventually(() => watcher.revision >= target);
      const have = [...watcher.records.values()].filter((event) => event.kind === "Instance");
      assert.deepEqual(have.map((event) => `${event.name} ${event.revision}`).sort(), expected.sort());
      assert.equal(watcher.resets, 0);
      assert.equal(watcher.error, undefined);
    }
  });
});
