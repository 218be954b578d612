import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { startRedis } from "../../../support/redis.ts";
import { Watcher } from "../watch/support.ts";
import { eventually, instance, instances, nameOf, open, tempFolder } from "./support.ts";

const create = (store: StoreHandle, id: string) =>
  store.transact(async (tx) => tx.create(instances, instance(id)), { durable: true });

test("a full Redis: writes are RESOURCE_EXHAUSTED, reads and Watch go on, and so do writes once there is room", async () => {
  const redis = await startRedis();
  const folder = await tempFolder();
  const store = await open({ redisUrl: redis.url, dataDir: folder.path });
  try {
    await create(store, "o1");
    const watcher = await new Watcher(store).whenSynced();
    await store.link.redis.config("SET", "maxmemory", "1mb");
    await assert.rejects(create(store, "o2"), (error) => {
      assert.equal((error as GantryError).code, Code.RESOURCE_EXHAUSTED);
      return true;
    });
    assert.equal((await store.list(instances, { pageSize: 10 })).items.length, 1);
    const second = await new Watcher(store).whenSynced();
    assert.deepEqual(second.names(), ["o1"]);
    await store.link.redis.config("SET", "maxmemory", "1gb");
    await create(store, "o3");
    await eventually(() => watcher.names().join() === "o1,o3" && second.names().join() === "o1,o3");
    await Promise.all([watcher.close(), second.close()]);
  } finally {
    await store.close();
    await redis.stop();
    await folder.remove();
  }
});

const MEMORY_MAX_BYTES = 32 * 1024 ** 2;
/** Several times what Redis may use. */
const UPDATES = 10_000;
const RECORD_BYTES = 8 * 1024;
const WRITERS = 4;

test("the log never is what fills Redis: however much is written, writes go on, and watchers get the last state", async () => {
  await using redis = await startRedis({ memoryMaxBytes: MEMORY_MAX_BYTES });
  const folder = await tempFolder();
  // As two services of a realm, each with a log of its own.
  const stores = await Promise.all(
    ["compute", "cluster"].map((service) =>
      open({ service, redisUrl: redis.url, dataDir: join(folder.path, service) }),
    ),
  );
  let watcher: Watcher | undefined;
  try {
    for (const store of stores) await create(store, "o1");
    watcher = await new Watcher(stores[0]!).whenSynced();
    let updates = 0;
    const write = async (store: StoreHandle): Promise<void> => {
      while (updates < UPDATES) {
        updates += 1;
        const text = String(updates).padStart(RECORD_BYTES, "x");
        await store.mutate(instances, nameOf("o1"), (record) => {
          record.meta!.annotations = { text };
        });
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, i) => write(stores[i % stores.length]!)));
    assert.ok(UPDATES * RECORD_BYTES > 2 * MEMORY_MAX_BYTES);
    await create(stores[0]!, "o2");
    await eventually(() => watcher?.names().join() === "o1,o2");
  } finally {
    await watcher?.close();
    await Promise.all(stores.map((store) => store.close()));
    await folder.remove();
  }
});

test("where records fill Redis, the log makes room: writes that were refused are taken again without anyone's doing", async () => {
  await using redis = await startRedis();
  const folder = await tempFolder();
  const store = await open({ redisUrl: redis.url, dataDir: folder.path });
  try {
    await create(store, "o1");
    for (let n = 0; n < 2_000; n += 1) {
      await store.mutate(instances, nameOf("o1"), (record) => {
        record.meta!.annotations = { text: String(n).padStart(RECORD_BYTES, "x") };
      });
    }
    const used = /^used_memory:(\d+)/m.exec(await store.link.redis.info("memory"))![1]!;
    await store.link.redis.config("SET", "maxmemory", used);
    await assert.rejects(create(store, "o2"), { code: Code.RESOURCE_EXHAUSTED });
    const written = () =>
      create(store, "o3").then(
        () => true,
        () => false,
      );
    await eventually(written, 5_000);
  } finally {
    await store.close();
    await folder.remove();
  }
});
