import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { startRedis } from "../../../support/redis.ts";
import { Watcher } from "../watch/support.ts";
import { eventually, instance, instances, open, tempFolder } from "./support.ts";

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
