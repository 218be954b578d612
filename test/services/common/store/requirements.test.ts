import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { Full } from "../../../../services/common/store/api.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { instance, instances, nameOf, open, tempFolder, type TestFolder } from "./support.ts";

let redis: TestRedis;
let folder: TestFolder;
let store: StoreHandle;

before(async () => {
  redis = await startRedis();
  folder = await tempFolder();
  store = await open({ redisUrl: redis.url, dataDir: folder.path });
});

after(async () => {
  await store?.close();
  await redis?.stop();
  await folder?.remove();
});

test("a write is refused where a bound of it is reached, after everything else was found good", async () => {
  const { redis: connection } = store.link;
  const key = (name: string): string => `${store.prefix}:${name}`;
  const bounded = (id: string, max: number): Promise<void> =>
    store.transact(async (tx) => {
      tx.create(instances, instance(id));
      tx.addToSet("bounded", id);
      tx.require({ bounds: [{ lists: ["a-list"], sortedSets: ["a-set", "no-set"], max }] });
    });
  await connection.rpush(key("a-list"), "1", "2");
  await connection.zadd(key("a-set"), 0, "3");
  await assert.rejects(bounded("bounded", 3), Full);
  assert.equal(await store.get(instances, nameOf("bounded")), undefined);
  assert.deepEqual(await store.setMembers("bounded"), []);
  await bounded("bounded", 4);
  assert.deepEqual(await store.setMembers("bounded"), ["bounded"]);
  await assert.rejects(bounded("bounded", 3), { code: Code.ALREADY_EXISTS });
  await connection.del(key("a-list"), key("a-set"));
});

test("the fence of a guard is looked at in the write", async () => {
  const fenced = (token: string): Promise<void> =>
    store.transact(async (tx) => {
      tx.create(instances, instance("fenced"));
      tx.require({ fence: { key: `${store.prefix}:lease:guard`, token }, bounds: [] });
    });
  await store.link.redis.set(`${store.prefix}:lease:guard`, "mine");
  await assert.rejects(fenced("another's"), { code: Code.FAILED_PRECONDITION, reason: "FENCED" });
  assert.equal(await store.get(instances, nameOf("fenced")), undefined);
  await fenced("mine");
  assert.ok(await store.get(instances, nameOf("fenced")));
});
