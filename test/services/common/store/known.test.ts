import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Instance } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import type { KnownRecord } from "../../../../services/common/store/api.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "./support.ts";
import { instance, instances, nameOf, open, tempFolder } from "./support.ts";

describe("records that are known before they are read", () => {
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

  const made = (id: string): Promise<Instance> =>
    store.transact(async (tx) => {
      const record = instance(id);
      tx.create(instances, record);
      return record;
    });
  const label = (id: string, value: string): Promise<Instance> =>
    store.mutate(instances, nameOf(id), (record) => void (record.meta!.labels["by"] = value));
  const known = (record: Instance): KnownRecord[] => [{ kind: instances, name: record.meta!.name, record }];

  /** Changes the image by what is known; tells which labels each run saw. */
  async function setImage(id: string, record: Instance): Promise<string[]> {
    const seen: string[] = [];
    await store.transact(
      async (tx) => {
        const found = await tx.need(instances, nameOf(id));
        seen.push(found.meta!.labels["by"] ?? "");
        found.spec!.image = `run:${seen.length}`;
        tx.put(instances, found);
      },
      { known: known(record) },
    );
    return seen;
  }

  test("what is still so is written at once, as if it had been read", async () => {
    const first = await made("same");
    const before = structuredClone(first);
    assert.deepEqual(await setImage("same", first), [""]);
    assert.deepEqual(first, before, "what was given is left as it was");
    const { meta, spec } = await store.need(instances, nameOf("same"));
    assert.equal(spec!.image, "run:1");
    assert.equal(meta!.generation, 2n);
    assert.deepEqual(meta!.createTime, first.meta!.createTime);
    assert.equal(meta!.uid, first.meta!.uid);
  });

  test("what has changed is read anew, and nothing of the other's change is lost", async () => {
    const first = await made("changed");
    await label("changed", "another");
    assert.deepEqual(await setImage("changed", first), ["", "another"]);
    const { meta, spec } = await store.need(instances, nameOf("changed"));
    assert.equal(spec!.image, "run:2");
    assert.equal(meta!.labels["by"], "another");
  });

  test("what was deleted is not there", async () => {
    const first = await made("gone");
    await store.transact(async (tx) => {
      await tx.need(instances, nameOf("gone"));
      tx.delete(instances, nameOf("gone"));
    });
    await assert.rejects(setImage("gone", first), /gone/);
    assert.equal(await store.get(instances, nameOf("gone")), undefined);
  });

  test("who writes nothing, or refuses, has looked", async () => {
    const first = await made("look");
    await label("look", "another");
    const look = async (refuse: boolean): Promise<string[]> => {
      const seen: string[] = [];
      const work = store.transact(
        async (tx) => {
          seen.push((await tx.need(instances, nameOf("look"))).meta!.labels["by"] ?? "");
          if (refuse) throw new Error("refused");
        },
        { known: known(first) },
      );
      if (refuse) await assert.rejects(work, /refused/);
      else await work;
      return seen;
    };
    assert.deepEqual(await look(false), ["", "another"]);
    assert.deepEqual(await look(true), ["", "another"]);
  });

  test("what is known not to be there is created without being looked for; where it is there after all, that is found", async () => {
    const create = async (id: string): Promise<(Instance | undefined)[]> => {
      const seen: (Instance | undefined)[] = [];
      await store.transact(
        async (tx) => {
          seen.push(await tx.get(instances, nameOf(id)));
          tx.create(instances, instance(id));
        },
        { known: [{ kind: instances, name: nameOf(id), record: undefined }] },
      );
      return seen;
    };
    assert.deepEqual(await create("absent"), [undefined]);
    assert.ok(await store.get(instances, nameOf("absent")));
    await assert.rejects(create("absent"), /ALREADY_EXISTS|exists already/);
  });

  test("a record that was never written is not taken as read", async () => {
    const first = instance("never");
    await assert.rejects(setImage("never", first), /never/);
  });
});
