import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DuplicateRequest } from "../../../../services/common/store/api.ts";
import { COMMIT } from "../../../../services/common/store/lua/commit.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import { LossyProxy } from "./lossy-proxy.ts";
import type { TestFolder } from "./support.ts";
import { instance, instances, nameOf, open, tempFolder } from "./support.ts";

describe("a write whose reply is lost", () => {
  let redis: TestRedis;
  let folder: TestFolder;
  let proxy: LossyProxy;
  let store: StoreHandle;

  before(async () => {
    redis = await startRedis();
    folder = await tempFolder();
    proxy = await new LossyProxy(folder.path, redis.socket).start();
    store = await open({ redisUrl: proxy.url, dataDir: folder.path });
    // Redis knows the script from now on: what is lost is the reply to the write itself.
    await store.transact(async (tx) => tx.create(instances, instance("first")));
  });

  after(async () => {
    await store?.close();
    await proxy?.close();
    await redis?.stop();
    await folder?.remove();
  });

  /** Runs a write whose reply Redis sends in vain; the write itself happens. */
  const losing = async <T>(write: () => Promise<T>): Promise<T> => {
    const lost = proxy.lost;
    proxy.loseReplyTo(COMMIT.sha);
    const result = await write();
    assert.equal(proxy.lost, lost + 1, "the reply was not lost: this run shows nothing");
    return result;
  };

  test("is found in the log: a create succeeds, once", async () => {
    const made = await losing(() =>
      store.transact(async (tx) => {
        const record = instance("once");
        tx.create(instances, record);
        return record;
      }),
    );
    const read = await store.need(instances, nameOf("once"));
    assert.deepEqual(read, made);
  });

  test("a change that does not repeat itself safely is made once", async () => {
    await store.transact(async (tx) => tx.create(instances, instance("counter", { n: "0" })));
    for (let round = 1; round <= 5; round++) {
      await losing(() =>
        store.mutate(instances, nameOf("counter"), ({ meta }) => {
          meta!.labels["n"] = String(Number(meta!.labels["n"]) + 1);
        }),
      );
      assert.equal((await store.need(instances, nameOf("counter"))).meta!.labels["n"], String(round));
    }
  });

  test("with a request id: the caller gets its result, a repeat the first answer", async () => {
    const request = { key: "bob CreateInstance 1", value: "operations/1" };
    const submit = () => store.transact(async (tx) => tx.create(instances, instance("requested")), { request });
    await losing(submit);
    await assert.rejects(submit(), (error) => error instanceof DuplicateRequest && error.value === "operations/1");
  });
});
