import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { Project } from "../../../../proto/gen/gantry/compute/v1/project.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { decodeFile } from "../../../../services/common/store/files/format.ts";
import { restoreDeletion } from "../../../../services/common/store/recovery/reconcile.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import { Watcher } from "../watch/support.ts";
import type { OpenOptions, TestFolder } from "./support.ts";
import { HOST, eventually, instance, instances, kinds, nameOf, open, projects, tempFolder } from "./support.ts";

describe("recovery", () => {
  let redis: TestRedis;
  let folders: TestFolder[] = [];
  let stores: StoreHandle[] = [];

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await redis.stop();
    await Promise.all(folders.map((folder) => folder.remove()));
    stores = [];
    folders = [];
  });

  const folder = async (): Promise<string> => {
    const made = await tempFolder();
    folders.push(made);
    return made.path;
  };
  const opened = async (dataDir: string, options: Partial<OpenOptions> = {}): Promise<StoreHandle> => {
    const store = await open({ redisUrl: redis.url, dataDir, ...options });
    stores.push(store);
    return store;
  };
  const create = (store: StoreHandle, id: string, labels: Record<string, string> = {}, host = HOST) =>
    store.transact(
      async (tx) => {
        const record = instance(id, labels, host);
        tx.create(instances, record);
        return record;
      },
      { durable: true },
    );
  const remove = (store: StoreHandle, id: string) =>
    store.transact(
      async (tx) => {
        await tx.need(instances, nameOf(id));
        tx.delete(instances, nameOf(id));
      },
      { durable: true },
    );
  const names = async (store: StoreHandle): Promise<string> => {
    const found: string[] = [];
    for await (const item of store.all(instances)) found.push(item.meta!.name.split("/").at(-1)!);
    return found.join();
  };
  const files = async (dataDir: string) => {
    const path = join(dataDir, "records", "compute");
    const entries = (await readdir(path)).filter((name) => name.endsWith(".pb"));
    return Promise.all(entries.map(async (name) => decodeFile(await readFile(join(path, name)))));
  };

  test("a durable write is in a file of mode 0600 when it returns; a deletion leaves a tombstone", async () => {
    const dataDir = await folder();
    const store = await opened(dataDir);
    const made = await create(store, "file1");
    const path = join(dataDir, "records", "compute", `${made.meta!.uid}.pb`);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const { header, bytes } = decodeFile(await readFile(path));
    assert.deepEqual(instances.message.decode(bytes), await store.need(instances, nameOf("file1")));
    assert.equal(header.logId, store.tail.logId);
    const changed = await store.mutate(instances, nameOf("file1"), (record) => void (record.spec!.image = "img:2"));
    await store.persist(instances, changed);
    assert.equal(instances.message.decode(decodeFile(await readFile(path)).bytes).spec!.image, "img:2");
    await remove(store, "file1");
    const tombstone = decodeFile(await readFile(path));
    assert.equal(tombstone.header.deleted, true);
    assert.equal(tombstone.bytes.length, 0);
  });

  test("each host keeps the files of its own records and of those without a host", async () => {
    const [dirA, dirB] = [await folder(), await folder()];
    const [a, b] = [await opened(dirA), await opened(dirB, { host: "host-b" })];
    await create(a, "on-a");
    await create(b, "on-b", {}, "host-b");
    await a.transact(async (tx) => tx.create(projects, Project.fromPartial({ meta: { name: "projects/p1" } })), {
      durable: true,
    });
    const namesIn = async (dir: string) =>
      (await files(dir))
        .filter(({ header }) => !header.deleted)
        .map(({ header }) => header.name.split("/").at(-1))
        .sort();
    await eventually(async () => (await namesIn(dirB)).length === 2);
    assert.deepEqual(await namesIn(dirA), ["on-a", "p1"]);
    assert.deepEqual(await namesIn(dirB), ["on-b", "p1"]);
    await a.mutate(instances, nameOf("on-a"), (record) => void (record.meta!.host = "host-b"));
    await eventually(async () => (await namesIn(dirB)).length === 3);
    await eventually(async () => (await namesIn(dirA)).length === 1);
  });

  test("Redis emptied under running services: every host puts its records back, deleted ones stay deleted", async () => {
    const [dirA, dirB] = [await folder(), await folder()];
    const [a, b] = [await opened(dirA), await opened(dirB, { host: "host-b" })];
    for (let n = 0; n < 20; n++) await create(a, `a${n}`, { n: String(n) });
    await create(b, "b1", {}, "host-b");
    await a.transact(async (tx) => tx.create(projects, Project.fromPartial({ meta: { name: "projects/p1" } })), {
      durable: true,
    });
    await remove(a, "a7");
    const watcher = new Watcher(a);
    await watcher.whenSynced();
    const before = {
      logId: a.tail.logId,
      revision: watcher.revision,
      names: await names(a),
      a3: await a.need(instances, nameOf("a3")),
    };
    await a.link.redis.flushall();
    await eventually(
      () => a.tail.logId !== before.logId && a.state === "live" && b.tail.logId === a.tail.logId && b.state === "live",
    );
    await eventually(async () => (await names(a)) === before.names);
    const a3 = await a.need(instances, nameOf("a3"));
    assert.ok(a3.meta!.version > before.revision, "versions of the new log are above all of the old one");
    assert.deepEqual({ ...a3.meta, version: 0n }, { ...before.a3.meta, version: 0n });
    assert.ok(await a.get(projects, "projects/p1"));
    await eventually(
      () => watcher.synced && watcher.resets >= 1 && watcher.names().join() === before.names.split(",").sort().join(),
    );
    assert.equal(watcher.logId, a.tail.logId);
    await create(a, "after");
    await eventually(() => watcher.names().includes("after"));
    await watcher.close();
    assert.equal(watcher.error, undefined);
  });

  test("Redis emptied while a transaction runs: the write waits for the rebuild and counts", async () => {
    const store = await opened(await folder());
    await create(store, "base");
    await store.link.redis.flushall();
    const changed = await store.mutate(instances, nameOf("base"), (record) => void (record.meta!.labels["x"] = "y"));
    assert.equal((await store.need(instances, nameOf("base"))).meta!.labels["x"], "y");
    assert.equal((await store.need(instances, nameOf("base"))).meta!.version, changed.meta!.version);
  });

  test("Redis emptied while the service is down: rebuilt when it opens", async () => {
    const dataDir = await folder();
    const store = await opened(dataDir);
    for (const id of ["d1", "d2", "d3"]) await create(store, id);
    await remove(store, "d2");
    const logId = store.tail.logId;
    await store.close();
    await redis.shutDown();
    await redis.wipe();
    await redis.start();
    const again = await opened(dataDir);
    assert.notEqual(again.tail.logId, logId);
    assert.equal(await names(again), "d1,d3");
  });

  const rollBack = async (work: () => Promise<void>): Promise<void> => {
    const copy = join(redis.dir, "older-copy");
    await cp(join(redis.dir, "appendonlydir"), copy, { recursive: true });
    await work();
    await redis.kill();
    await redis.wipe();
    await cp(copy, join(redis.dir, "appendonlydir"), { recursive: true });
    await redis.start();
  };

  test("Redis rolled back to an older copy: newer writes and deletions come back from files", async () => {
    const store = await opened(await folder());
    for (const id of ["r1", "r2", "r3"]) await create(store, id);
    const watcher = await new Watcher(store).whenSynced();
    const logId = store.tail.logId;
    await rollBack(async () => {
      await store.mutate(instances, nameOf("r1"), (record) => void (record.spec!.image = "newer"), { durable: true });
      await remove(store, "r2");
      await create(store, "r4");
    });
    await eventually(() => store.tail.logId !== logId && store.state === "live");
    assert.equal(await names(store), "r1,r3,r4");
    const r1 = await store.need(instances, nameOf("r1"));
    assert.equal(r1.spec!.image, "newer");
    assert.equal(r1.meta!.generation, 2n);
    await eventually(() => watcher.synced && watcher.names().join() === "r1,r3,r4");
    await watcher.close();
  });

  test("a log whose last write is another than the one seen, at the same counter, is another log", async () => {
    const store = await opened(await folder());
    await create(store, "g1");
    await create(store, "g2");
    await eventually(() => store.tail.last === store.link.identity.seen);
    const logId = store.tail.logId;
    // As after a roll-back behind which others have written again: the counter fits, the entry does not.
    const { revision } = await store.position();
    await store.link.redis.xdel(store.keys.log, `${revision}-0`);
    await store.verify();
    assert.notEqual(store.tail.logId, logId);
    assert.equal(store.state, "live");
    assert.equal(await names(store), "g1,g2");
  });

  test("kill -9 of Redis under writes: nothing acknowledged is lost, nothing is written twice, the log is the same", async () => {
    const store = await opened(await folder());
    const logId = store.tail.logId;
    const watcher = await new Watcher(store).whenSynced();
    const acknowledged = new Map<string, bigint>();
    const stop = new AbortController();
    const writer = async (w: number): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n++) {
        const record = await create(store, `w${w}x${n}`);
        acknowledged.set(record.meta!.name, record.meta!.version);
      }
    };
    const writers = Promise.all([0, 1, 2, 3].map(writer));
    for (let round = 0; round < 3; round++) {
      const count = acknowledged.size;
      await eventually(() => acknowledged.size > count + 50);
      await redis.kill();
      await redis.start();
    }
    stop.abort();
    await writers;
    assert.equal(store.tail.logId, logId);
    const found = new Map<string, bigint>();
    for await (const item of store.all(instances)) found.set(item.meta!.name, item.meta!.version);
    assert.deepEqual(found, acknowledged);
    await eventually(() => watcher.names().length === acknowledged.size);
    assert.equal(watcher.resets, 0);
    const revisions = watcher.events.filter(({ kind }) => kind === "Instance").map(({ revision }) => revision);
    assert.equal(new Set(revisions).size, acknowledged.size);
    await watcher.close();
  });

  test("while Redis is away calls fail UNAVAILABLE in bounded time, and go on when it is back", async () => {
    const store = await opened(await folder());
    await create(store, "u1");
    await redis.kill();
    const startedMs = performance.now();
    await assert.rejects(
      store.get(instances, nameOf("u1")),
      (error) => (error as GantryError).code === Code.UNAVAILABLE,
    );
    await assert.rejects(create(store, "u2"), (error) => (error as GantryError).code === Code.UNAVAILABLE);
    assert.ok(performance.now() - startedMs < 12_000);
    await redis.start();
    await create(store, "u3");
    assert.equal(await names(store), "u1,u3");
  });

  test("a record deleted while its host was away does not come back, its file becomes a tombstone", async () => {
    const [dirA, dirB] = [await folder(), await folder()];
    const a = await opened(dirA);
    await create(a, "gone");
    await create(a, "stays");
    await a.close();
    const b = await opened(dirB, { host: "host-b" });
    await b.transact(async (tx) => {
      await tx.need(instances, nameOf("gone"));
      tx.delete(instances, nameOf("gone"));
    });
    const again = await opened(dirA);
    assert.equal(await names(again), "stays");
    await eventually(async () =>
      (await files(dirA)).some(({ header }) => header.deleted && header.name === nameOf("gone")),
    );
    await again.link.redis.flushall();
    await eventually(async () => (await names(again).catch(() => "")) === "stays");
  });

  test("a deletion from a file deletes what has its uid, not what only mentions it", async () => {
    const store = await opened(await folder());
    const uid = randomUUID();
    const own = (await create(store, "same", { formerly: uid })).meta!.uid;
    const { link, keys } = store;
    const options = { link, keys, service: "compute", kinds: new Map([["Instance", instances]]) };
    const header = {
      kind: "Instance",
      name: nameOf("same"),
      version: 1_000,
      schema: 1,
      logId: "old",
      deleted: true,
      deleteTimeMs: 0,
    };
    const repeat = (of: string) => restoreDeletion(options, store.tail.logId, { ...header, uid: of });
    assert.equal(await repeat(uid), "KEPT");
    assert.equal((await store.need(instances, nameOf("same"))).meta!.uid, own);
    assert.equal(await repeat(own), "DELETED");
    assert.equal(await store.get(instances, nameOf("same")), undefined);
  });

  test("a host that was away during the loss of Redis brings its records, not what others deleted since", async () => {
    const [dirA, dirB] = [await folder(), await folder()];
    const a = await opened(dirA);
    const b = await opened(dirB, { host: "host-b" });
    await create(b, "on-b", {}, "host-b");
    for (const name of ["projects/p1", "projects/p2"]) {
      await a.transact(async (tx) => tx.create(projects, Project.fromPartial({ meta: { name } })), { durable: true });
    }
    await eventually(async () => (await files(dirB)).length === 3);
    await b.close();
    await a.link.redis.flushall();
    await eventually(async () => (await a.get(projects, "projects/p1").catch(() => undefined)) !== undefined);
    await a.transact(async (tx) => {
      await tx.need(projects, "projects/p1");
      tx.delete(projects, "projects/p1");
    });
    await a.mutate(projects, "projects/p2", (record) => void (record.meta!.labels["changed"] = "yes"));
    const back = await opened(dirB, { host: "host-b" });
    assert.equal(await names(back), "on-b");
    assert.equal(await back.get(projects, "projects/p1"), undefined);
    assert.equal((await back.need(projects, "projects/p2")).meta!.labels["changed"], "yes");
  });

  test("records of a newer schema make the store refuse to open with a clear line", async () => {
    const dataDir = await folder();
    const newer = kinds.map((kind) => (kind.name === "Instance" ? { ...kind, schema: 2 } : kind));
    const store = await opened(dataDir, { kinds: newer });
    await store.transact(async (tx) => tx.create({ ...instances, schema: 2 }, instance("new")), { durable: true });
    await store.close();
    const refused = /records of Instance have schema 2, this version of Gantry knows 1: upgrade it/;
    await assert.rejects(opened(await folder()), refused);
    await redis.shutDown();
    await redis.wipe();
    await redis.start();
    await assert.rejects(opened(dataDir), refused);
  });

  test("a record of an older schema is migrated when it is read and when it is watched", async () => {
    const dataDir = await folder();
    const old = await opened(dataDir);
    await create(old, "mig");
    await old.close();
    const migrate = (bytes: Uint8Array, from: number) => {
      assert.equal(from, 1);
      const record = instances.message.decode(bytes);
      record.spec!.image = `migrated ${record.spec!.image}`;
      return record;
    };
    const newer = { ...instances, schema: 2, migrate };
    const store = await opened(dataDir, { kinds: kinds.map((kind) => (kind.name === "Instance" ? newer : kind)) });
    assert.equal((await store.need(newer, nameOf("mig"))).spec!.image, "migrated img:1");
    const watcher = await new Watcher(store).whenSynced();
    const [event] = watcher.events;
    assert.equal(instances.message.decode(event!.object!.value).spec!.image, "migrated img:1");
    await watcher.close();
    await store.mutate(newer, nameOf("mig"), (record) => void (record.meta!.labels["a"] = "b"));
    assert.equal((await store.need(newer, nameOf("mig"))).spec!.image, "migrated img:1");
  });

  test("a damaged file is set aside, the others are used", async () => {
    const dataDir = await folder();
    const store = await opened(dataDir);
    const bad = await create(store, "bad");
    await create(store, "good");
    await store.close();
    const path = join(dataDir, "records", "compute", `${bad.meta!.uid}.pb`);
    const content = await readFile(path);
    content[content.length - 1]! ^= 0xff;
    await writeFile(path, content);
    await redis.shutDown();
    await redis.wipe();
    await redis.start();
    const again = await opened(dataDir);
    assert.equal(await names(again), "good");
    assert.ok((await readdir(join(dataDir, "records", "compute"))).includes(`${bad.meta!.uid}.pb.damaged`));
    await rm(`${path}.damaged`);
  });
});
