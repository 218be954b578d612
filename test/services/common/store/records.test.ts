import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { InstanceStatus } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { DuplicateRequest } from "../../../../services/common/store/api.ts";
import { type GantryError, unavailable } from "../../../../services/common/errors/errors.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "./support.ts";
import { eventually, instance, instances, nameOf, open, projects, tempFolder } from "./support.ts";

describe("records", () => {
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

  const create = (id: string, labels: Record<string, string> = {}, project = "default"): Promise<bigint> =>
    store
      .transact(async (tx) => {
        const record = instance(id, labels, undefined, project);
        tx.create(instances, record);
        return record;
      })
      .then((record) => record.meta!.version);

  const code = (expected: Code, reason?: string) => (error: unknown) => {
    assert.equal((error as GantryError).code, expected);
    if (reason !== undefined) assert.equal((error as GantryError).reason, reason);
    return true;
  };

  test("create fills in meta, and what is read is what was written", async () => {
    const made = await store.transact(async (tx) => {
      const record = instance("meta", { a: "b" });
      tx.create(instances, record);
      assert.equal(await tx.get(instances, nameOf("meta")), record);
      return record;
    });
    const read = await store.need(instances, nameOf("meta"));
    assert.deepEqual(read, made);
    const meta = read.meta!;
    assert.match(meta.uid, /^[0-9a-f-]{36}$/);
    assert.ok(meta.version > 0n);
    assert.equal(meta.generation, 1n);
    assert.notEqual(meta.etag, "");
    assert.ok(Math.abs(meta.createTime!.getTime() - Date.now()) < 5_000);
  });

  test("a second create of a name is ALREADY_EXISTS, with and without a look before", async () => {
    await create("twice");
    await assert.rejects(create("twice"), code(Code.ALREADY_EXISTS));
    const afterLook = store.transact(async (tx) => {
      await tx.get(instances, nameOf("twice"));
      tx.create(instances, instance("twice"));
    });
    await assert.rejects(afterLook, code(Code.ALREADY_EXISTS));
  });

  test("etag and generation: a status write changes neither, labels the etag, the spec both", async () => {
    await create("etag");
    const first = (await store.need(instances, nameOf("etag"))).meta!;
    const change = async (fn: Parameters<typeof store.mutate<ReturnType<typeof instance>>>[2]) =>
      (await store.mutate(instances, nameOf("etag"), fn)).meta!;
    const status = await change((record) => void (record.status = InstanceStatus.fromPartial({ state: 3 })));
    assert.equal(status.etag, first.etag);
    assert.ok(status.version > first.version);
    const labelled = await change((record) => void (record.meta!.labels["x"] = "y"));
    assert.notEqual(labelled.etag, first.etag);
    assert.equal(labelled.generation, 1n);
    const changed = await change((record) => void (record.spec!.image = "img:2"));
    assert.equal(changed.generation, 2n);
    assert.notEqual(changed.etag, labelled.etag);
    assert.deepEqual((await store.need(instances, nameOf("etag"))).meta, changed);
  });

  test("a put of a record made by hand keeps uid, create time and generation", async () => {
    await create("byhand");
    const before = (await store.need(instances, nameOf("byhand"))).meta!;
    const after = await store.transact(async (tx) => {
      await tx.need(instances, nameOf("byhand"));
      const record = instance("byhand");
      tx.put(instances, record);
      return record;
    });
    assert.equal(after.meta!.uid, before.uid);
    assert.deepEqual(after.meta!.createTime, before.createTime);
    assert.equal(after.meta!.generation, 1n);
  });

  test("fields that this version does not know survive a write", async () => {
    await create("unknown");
    await store.mutate(instances, nameOf("unknown"), (record) => {
      record._unknownFields = { [(900 << 3) | 2]: [Buffer.from("\x05hello")] };
      record.meta!._unknownFields = { [(901 << 3) | 0]: [Buffer.from([7])] };
    });
    await store.mutate(instances, nameOf("unknown"), (record) => void (record.spec!.image = "other"));
    const read = await store.need(instances, nameOf("unknown"));
    assert.deepEqual(Buffer.from(read._unknownFields![(900 << 3) | 2]![0]!), Buffer.from("\x05hello"));
    assert.deepEqual([...read.meta!._unknownFields![901 << 3]![0]!], [7]);
  });

  test("concurrent changes of one record all take effect", async () => {
    await create("busy");
    const one = (n: number) =>
      store.mutate(instances, nameOf("busy"), (record) => void (record.meta!.annotations[`k${n}`] = "v"));
    await Promise.all(Array.from({ length: 12 }, (_, n) => one(n)));
    const read = await store.need(instances, nameOf("busy"));
    assert.equal(Object.keys(read.meta!.annotations).length, 12);
  });

  test("a record that was only read counts: the transaction runs again when it changed", async () => {
    await create("guard");
    let runs = 0;
    await store.transact(async (tx) => {
      runs++;
      const guard = await tx.need(instances, nameOf("guard"));
      if (runs === 1) await store.mutate(instances, nameOf("guard"), (record) => void (record.meta!.labels["n"] = "1"));
      tx.create(instances, instance("guarded", { seen: guard.meta!.labels["n"] ?? "none" }));
    });
    assert.equal(runs, 2);
    assert.equal((await store.need(instances, nameOf("guarded"))).meta!.labels["seen"], "1");
  });

  test("absence that was read counts too", async () => {
    let runs = 0;
    const made = await store.transact(async (tx) => {
      runs++;
      const found = await tx.get(instances, nameOf("raced"));
      if (runs === 1) await create("raced");
      if (found === undefined) tx.create(instances, instance("raced"));
      return found === undefined;
    });
    assert.equal(made, false);
    assert.equal(runs, 2);
  });

  test("a transaction that never fits ends ABORTED", async () => {
    await create("never");
    let runs = 0;
    const hopeless = store.transact(async (tx) => {
      runs++;
      const record = await tx.need(instances, nameOf("never"));
      await store.mutate(instances, nameOf("never"), (other) => void (other.meta!.annotations["n"] = String(runs)));
      tx.put(instances, record);
    });
    await assert.rejects(hopeless, code(Code.ABORTED, "CONFLICT"));
    assert.equal(runs, 20);
  });

  test("several records in one write have one version, and none of them is written when one fails", async () => {
    const made = await store.transact(async (tx) => {
      const records = ["m1", "m2", "m3"].map((id) => instance(id));
      for (const record of records) tx.create(instances, record);
      return records;
    });
    assert.equal(new Set(made.map((record) => record.meta!.version)).size, 1);
    const failing = store.transact(async (tx) => {
      tx.create(instances, instance("m4"));
      tx.create(instances, instance("m1"));
    });
    await assert.rejects(failing, code(Code.ALREADY_EXISTS));
    assert.equal(await store.get(instances, nameOf("m4")), undefined);
  });

  test("delete; create of the same name is another thing", async () => {
    await create("again");
    const uid = (await store.need(instances, nameOf("again"))).meta!.uid;
    await store.transact(async (tx) => {
      await tx.need(instances, nameOf("again"));
      tx.delete(instances, nameOf("again"));
    });
    assert.equal(await store.get(instances, nameOf("again")), undefined);
    await assert.rejects(store.need(instances, nameOf("again")), code(Code.NOT_FOUND));
    await create("again");
    assert.notEqual((await store.need(instances, nameOf("again"))).meta!.uid, uid);
    await store.transact(async (tx) => {
      await tx.need(instances, nameOf("again"));
      tx.delete(instances, nameOf("again"));
      tx.create(instances, instance("again", { n: "3" }));
    });
    assert.equal((await store.need(instances, nameOf("again"))).meta!.labels["n"], "3");
  });

  test("a write without a read is a fault of the program", async () => {
    await create("unread");
    await assert.rejects(
      store.transact(async (tx) => tx.put(instances, instance("unread"))),
      /has not read it/,
    );
  });

  test("request ids: a repeat gets the first answer and writes nothing", async () => {
    const request = { key: "alice CreateInstance 42", value: "operations/1" };
    await store.transact(async (tx) => tx.create(instances, instance("req1")), { request });
    const repeat = (id: string) =>
      store.transact(async (tx) => tx.create(instances, instance(id)), {
        request: { ...request, value: "operations/2" },
      });
    await assert.rejects(
      repeat("req2"),
      (error) => error instanceof DuplicateRequest && error.value === "operations/1",
    );
    assert.equal(await store.get(instances, nameOf("req2")), undefined);
    await assert.rejects(repeat("req1"), (error) => error instanceof DuplicateRequest);
    const ttlS = await store.link.redis.ttl(store.keys.request(request.key));
    assert.ok(ttlS > 86_000 && ttlS <= 86_400);
  });

  test("a request id is found also when the function itself refuses what its first run made", async () => {
    const request = { key: "alice CreateInstance 43", value: "operations/3" };
    const submit = () =>
      store.transact(
        async (tx) => {
          await tx.get(instances, nameOf("refused"));
          tx.create(instances, instance("refused"));
        },
        { request },
      );
    await submit();
    await assert.rejects(submit(), (error) => error instanceof DuplicateRequest && error.value === "operations/3");
  });

  test("a request id is found also when the first run could not be repeated just now", async () => {
    const request = { key: "alice CreateInstance 44", value: "operations/4" };
    await store.transact(async (tx) => tx.create(instances, instance("placed")), { request });
    const repeat = store.transact(() => Promise.reject(unavailable("HOST_NOT_READY", "no host can take it")), {
      request,
    });
    await assert.rejects(repeat, (error) => error instanceof DuplicateRequest && error.value === "operations/4");
  });

  test("fences: a write with a lost lease is refused", async () => {
    const key = `${store.prefix}:lease:test`;
    await store.link.redis.set(key, "token-1");
    const fenced = (token: string, id: string) =>
      store.transact(async (tx) => tx.create(instances, instance(id)), { fence: { key, token } });
    await fenced("token-1", "fenced1");
    await store.link.redis.set(key, "token-2");
    await assert.rejects(fenced("token-1", "fenced2"), code(Code.FAILED_PRECONDITION, "FENCED"));
    await store.link.redis.del(key);
    await assert.rejects(fenced("token-2", "fenced2"), code(Code.FAILED_PRECONDITION, "FENCED"));
    assert.equal(await store.get(instances, nameOf("fenced2")), undefined);
  });

  test("sets change with the write, or not at all", async () => {
    await store.transact(async (tx) => {
      tx.create(instances, instance("set1"));
      tx.addToSet("intents", "one");
      tx.addToSet("intents", "two");
    });
    assert.deepEqual((await store.setMembers("intents")).sort(), ["one", "two"]);
    const failing = store.transact(async (tx) => {
      tx.create(instances, instance("set1"));
      tx.removeFromSet("intents", "one");
    });
    await assert.rejects(failing);
    assert.equal((await store.setMembers("intents")).length, 2);
    await store.transact(async (tx) => tx.removeFromSet("intents", "one"));
    assert.deepEqual(await store.setMembers("intents"), ["two"]);
  });

  test("mutate that returns false writes nothing", async () => {
    await create("same");
    const before = (await store.need(instances, nameOf("same"))).meta!.version;
    await store.mutate(instances, nameOf("same"), () => false);
    assert.equal((await store.need(instances, nameOf("same"))).meta!.version, before);
  });

  test("lists are in order of name, by prefix, page by page", async () => {
    const ids = Array.from({ length: 25 }, (_, n) => `l${String(n).padStart(2, "0")}`);
    for (const id of ids.toReversed()) await create(id, { odd: String(Number(id.slice(1)) % 2) }, "listed");
    await create("other", {}, "listed2");
    const prefix = "projects/listed/";
    const seen: string[] = [];
    let pages = 0;
    for (let pageToken = ""; ;) {
      const page = await store.list(instances, { prefix, pageSize: 10, pageToken });
      pages++;
      seen.push(...page.items.map((item) => item.meta!.name));
      assert.equal(page.logId, store.tail.logId);
      assert.ok(page.revision >= page.items[0]!.meta!.version);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    assert.deepEqual(
      seen,
      ids.map((id) => nameOf(id, "listed")),
    );
    assert.equal(pages, 3);
    const exact = await store.list(instances, { prefix, pageSize: 25 });
    assert.equal(exact.nextPageToken, "");
    const odd: string[] = [];
    for (let pageToken = ""; ;) {
      const page = await store.list(instances, { prefix, pageSize: 5, pageToken, labelSelector: "odd=1" });
      odd.push(...page.items.map((item) => item.meta!.name));
      assert.ok(page.items.length <= 5);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    assert.deepEqual(
      odd,
      ids.filter((_, n) => n % 2 === 1).map((id) => nameOf(id, "listed")),
    );
    const all: string[] = [];
    for await (const item of store.all(instances, prefix)) all.push(item.meta!.name);
    assert.deepEqual(all, seen);
  });

  test("a page token of another list, or a made-up one, is INVALID_ARGUMENT", async () => {
    const { nextPageToken: pageToken } = await store.list(instances, { prefix: "projects/listed/", pageSize: 3 });
    assert.notEqual(pageToken, "");
    const refused = code(Code.INVALID_ARGUMENT);
    await assert.rejects(store.list(instances, { prefix: "projects/", pageSize: 3, pageToken }), refused);
    await assert.rejects(store.list(projects, { prefix: "projects/listed/", pageSize: 3, pageToken }), refused);
    const selected = { prefix: "projects/listed/", pageSize: 3, pageToken, labelSelector: "odd=1" };
    await assert.rejects(store.list(instances, selected), refused);
    await assert.rejects(store.list(instances, { pageSize: 3, pageToken: "bm9uc2Vuc2U" }), refused);
    await assert.rejects(store.list(instances, { pageSize: 3, labelSelector: "a in" }), refused);
  });

  test("a forged page token does not lead out of the list's names", async () => {
    await create("secret", {}, "a-project");
    const prefix = "projects/b-project/instances/";
    const digest = hash("sha256", JSON.stringify([instances.name, prefix, ""]), "buffer").subarray(0, 9);
    const pageToken = Buffer.concat([digest, Buffer.from("A")]).toString("base64url");
    await assert.rejects(store.list(instances, { prefix, pageSize: 3, pageToken }), code(Code.INVALID_ARGUMENT));
  });

  test("a record that is too large is RESOURCE_EXHAUSTED", async () => {
    const big = instance("big");
    big.meta!.annotations["x"] = "x".repeat(1024 * 1024);
    await assert.rejects(
      store.transact(async (tx) => tx.create(instances, big)),
      code(Code.RESOURCE_EXHAUSTED),
    );
  });

  test("onChange tells every change in order, whoever wrote it", async () => {
    const other = await open({ redisUrl: redis.url, dataDir: folder.path });
    const changes: string[] = [];
    const stop = other.onChange(({ name, deleted, revision, bytes }) => {
      if (!name.includes("/watched-")) return;
      assert.equal(deleted, bytes.length === 0);
      if (!deleted) assert.equal(instances.message.decode(bytes).meta!.version, revision);
      changes.push(`${deleted ? "-" : "+"}${name.split("/").at(-1)}`);
    });
    await create("watched-a");
    await create("watched-b");
    await store.transact(async (tx) => {
      await tx.need(instances, nameOf("watched-a"));
      tx.delete(instances, nameOf("watched-a"));
    });
    await eventually(() => changes.length === 3);
    assert.deepEqual(changes, ["+watched-a", "+watched-b", "-watched-a"]);
    stop();
    await other.close();
  });
});
