import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { InstanceCatalog } from "../../../../services/compute/instances/catalog.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "./support.ts";
import { eventually, instance, instances, nameOf, open, tempFolder } from "./support.ts";

let redis: TestRedis;
let folder: TestFolder;
let store: StoreHandle;
const catalog = new InstanceCatalog();

before(async () => {
  redis = await startRedis();
  folder = await tempFolder();
  store = await open({ redisUrl: redis.url, dataDir: folder.path });
  await catalog.start(store, (error) => assert.fail(String(error)));
});

after(async () => {
  catalog.close();
  await store?.close();
  await redis?.stop();
  await folder?.remove();
});

const create = (id: string) =>
  store.transact(async (tx) => {
    const record = instance(id);
    tx.create(instances, record);
    return record;
  });
const remove = (id: string) =>
  store.transact(async (tx) => {
    await tx.need(instances, nameOf(id));
    tx.delete(instances, nameOf(id));
  });

test("what is noted is known at once; an older state does not take the place of a newer", async () => {
  const made = await create("noted");
  catalog.note(made);
  assert.equal(catalog.get(nameOf("noted"))?.meta?.version, made.meta!.version);
  assert.ok(catalog.byUid(made.meta!.uid));
  catalog.note({ ...made, meta: { ...made.meta!, version: made.meta!.version - 1n } });
  assert.equal(catalog.get(nameOf("noted"))?.meta?.version, made.meta?.version);
});

test("a record that was deleted does not come back with a late note", async () => {
  const made = await create("late");
  await eventually(() => catalog.get(nameOf("late")));
  await remove("late");
  await eventually(() => catalog.get(nameOf("late")) === undefined);
  catalog.note(made);
  assert.equal(catalog.get(nameOf("late")), undefined);
  const again = await create("late");
  catalog.note(again);
  assert.equal(catalog.get(nameOf("late"))?.meta?.uid, again.meta!.uid);
});
