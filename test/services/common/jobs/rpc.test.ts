import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import type { Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { cancelled, type GantryError } from "../../../../services/common/errors/errors.ts";
import { cancelOperation } from "../../../../services/common/jobs/rpc/cancel-operation.ts";
import { deleteOperation } from "../../../../services/common/jobs/rpc/delete-operation.ts";
import { getOperation } from "../../../../services/common/jobs/rpc/get-operation.ts";
import { listOperations } from "../../../../services/common/jobs/rpc/list-operations.ts";
import { waitOperation } from "../../../../services/common/jobs/rpc/wait-operation.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { Platform, step, testJob } from "./support/platform.ts";

const MISSING = "projects/default/operations/compute-00000000-0000-4000-8000-000000000000";
const signal = new AbortController().signal;
const options = { signal, deadline: Infinity, waitMaxMs: 60_000 };

let redis: TestRedis;
let platform: Platform;
/** Steps of the job named `gate` wait for it. */
let gate = Promise.withResolvers<void>();
before(async () => {
  redis = await startRedis();
  const open = testJob("open", [step("open", async () => {})]);
  const gated = testJob("gate", [
    step("gate", async (ctx) => {
      const aborted = new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
      await Promise.race([gate.promise, aborted]);
    }),
  ]);
  platform = await Platform.start({ redisUrl: redis.url, jobs: [open, gated] });
});
after(async () => {
  await platform[Symbol.asyncDispose]();
  await redis.stop();
});

function code(expected: Code): (error: GantryError) => boolean {
  return (error) => {
    assert.equal(error.code, expected, error.stack);
    return true;
  };
}

const seconds = (count: number): { seconds: bigint; nanos: number } => ({ seconds: BigInt(count), nanos: 0 });

test("GetOperation", async () => {
  const operation = await platform.ended(await platform.submit("get", { job: "open" }));
  assert.deepEqual(await getOperation(platform.store, { name: operation.name }), operation);
  await assert.rejects(getOperation(platform.store, { name: MISSING }), code(Code.NOT_FOUND));
  await assert.rejects(getOperation(platform.store, { name: "operations/x" }), code(Code.INVALID_ARGUMENT));
});

test("WaitOperation returns when it is done, and at its timeout, deadline and cancellation", async () => {
  gate = Promise.withResolvers();
  const { name } = await platform.submit("wait", { job: "gate" });
  const timed = async (work: Promise<Operation>): Promise<[Operation, number]> => {
    const begun = performance.now();
    return [await work, performance.now() - begun];
  };
  const short = { name, timeout: { seconds: 0n, nanos: 100_000_000 } };
  const [unfinished, waitedMs] = await timed(waitOperation(platform.store, short, options));
  assert.equal(unfinished.done, false);
  assert.ok(waitedMs >= 95 && waitedMs < 5_000, `${waitedMs} ms`);

  // However late this process gets its turn: before a timer that was set for the deadline.
  const atDeadline = { ...options, deadline: Date.now() + 300 };
  let isLate = false;
  const late = setTimeout(() => (isLate = true), 300);
  await waitOperation(platform.store, { name, timeout: seconds(60) }, atDeadline);
  clearTimeout(late);
  assert.equal(isLate, false);

  const [, limitMs] = await timed(
    waitOperation(platform.store, { name, timeout: undefined }, { ...options, waitMaxMs: 50 }),
  );
  assert.ok(limitMs < 5_000);

  const client = new AbortController();
  const gone = waitOperation(platform.store, { name, timeout: undefined }, { ...options, signal: client.signal });
  client.abort(cancelled("the client is gone"));
  await assert.rejects(gone, code(Code.CANCELLED));

  const waits = Array.from({ length: 20 }, () =>
    waitOperation(platform.store, { name, timeout: seconds(30) }, options),
  );
  await delay(20);
  gate.resolve();
  for (const operation of await Promise.all(waits)) assert.equal(operation.done, true);
  assert.equal((await waitOperation(platform.store, { name, timeout: undefined }, options)).done, true);

  await assert.rejects(
    waitOperation(platform.store, { name: MISSING, timeout: undefined }, options),
    code(Code.NOT_FOUND),
  );
  const negative = { name, timeout: seconds(-1) };
  await assert.rejects(waitOperation(platform.store, negative, options), code(Code.INVALID_ARGUMENT));
});

test("CancelOperation and DeleteOperation", async () => {
  gate = Promise.withResolvers();
  const { name } = await platform.submit("cancel", { job: "gate" });
  await assert.rejects(deleteOperation(platform.store, { name }), (error: GantryError) => {
    assert.equal(error.reason, "OPERATION_NOT_DONE");
    return true;
  });
  await cancelOperation(platform.operations, { name });
  const ended = await waitOperation(platform.store, { name, timeout: seconds(10) }, options);
  assert.equal(ended.result?.$case === "error" && ended.result.value.code, Code.CANCELLED);
  await cancelOperation(platform.operations, { name });
  await deleteOperation(platform.store, { name });
  await assert.rejects(getOperation(platform.store, { name }), code(Code.NOT_FOUND));
  await assert.rejects(deleteOperation(platform.store, { name }), code(Code.NOT_FOUND));
  await assert.rejects(cancelOperation(platform.operations, { name: MISSING }), code(Code.NOT_FOUND));
});

test("ListOperations: projects, filters, pages", async () => {
  const list = (changes: object, visible: "all" | ReadonlySet<string> = "all"): ReturnType<typeof listOperations> =>
    listOperations(
      platform.store,
      { name: "projects/listed", filter: "", pageSize: 0, pageToken: "", returnPartialSuccess: false, ...changes },
      visible,
    );
  gate = Promise.withResolvers();
  const names: string[] = [];
  for (const id of ["l1", "l2", "l3"]) {
    const operation = await platform.submit(id, { job: "open", project: "listed" });
    names.push((await platform.ended(operation)).name);
  }
  const running = (await platform.submit("l4", { job: "gate", project: "listed", verb: "start" })).name;
  const realm = (await platform.ended(await platform.submit("l5", { job: "open", project: "" }))).name;
  assert.match(realm, /^operations\//);
  names.push(running);
  names.sort();

  const all = await list({});
  assert.deepEqual(all.operations.map(({ name }) => name).sort(), names);
  assert.equal(all.nextPageToken, "");
  assert.deepEqual(
    (await list({ name: "" })).operations.map(({ name }) => name),
    [realm],
  );
  assert.deepEqual((await list({ name: "projects/nobody" })).operations, []);
  assert.deepEqual(
    (await list({ filter: "done=false" })).operations.map(({ name }) => name),
    [running],
  );
  assert.equal((await list({ filter: "done=true" })).operations.length, 3);
  const combined = 'done = true AND target="projects/default/instances/l2" AND verb=create';
  assert.equal((await list({ filter: combined })).operations.length, 1);

  const paged = async (request: object, visible: "all" | ReadonlySet<string> = "all"): Promise<string[]> => {
    const found: string[] = [];
    let pageToken = "";
    do {
      const page = await list({ ...request, pageSize: 1, pageToken }, visible);
      assert.ok(page.operations.length <= 1);
      assert.doesNotMatch(Buffer.from(page.nextPageToken, "base64url").toString(), /hidden/);
      found.push(...page.operations.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return found;
  };
  assert.deepEqual(await paged({}), names);

  const hidden = (await platform.ended(await platform.submit("l6", { job: "open", project: "hidden" }))).name;
  const other = (await platform.ended(await platform.submit("l7", { job: "open", project: "z" }))).name;
  const allProjects = { name: "projects/-", filter: 'target="projects/default/instances/l2" AND done=true' };
  assert.equal((await paged(allProjects, new Set(["empty", "listed", "z"]))).length, 1);
  const own = new Set(["z", "listed", "empty"]);
  assert.deepEqual(await paged({ name: "projects/-" }, own), [...names, other]);
  assert.ok((await list({ name: "projects/-" })).operations.some(({ name }) => name === hidden));
  const { nextPageToken } = await list({ name: "projects/-", pageSize: 1 }, own);
  await assert.rejects(
    list({ name: "projects/-", pageToken: nextPageToken }, new Set(["z"])),
    code(Code.INVALID_ARGUMENT),
  );

  const first = await list({ pageSize: 1, filter: "done=true" });
  await assert.rejects(list({ pageSize: 1, pageToken: first.nextPageToken }), code(Code.INVALID_ARGUMENT));
  for (const wrong of [
    { filter: "done=maybe" },
    { filter: "size>3" },
    { filter: "done=true AND" },
    { filter: "toString=x" },
    { name: "instances" },
    { name: "projects/UPPER" },
    { pageToken: "nonsense" },
    { pageSize: -1 },
  ]) {
    await assert.rejects(list(wrong), code(Code.INVALID_ARGUMENT), JSON.stringify(wrong));
  }
  gate.resolve();
  await platform.ended(await getOperation(platform.store, { name: running }));
});
