import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OperationRecord, OperationState } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import { internal } from "../../../../services/common/errors/errors.ts";
import { operationKind } from "../../../../services/common/jobs/kind.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { metadataOf, Platform, step, testJob } from "./support/platform.ts";

// Steps whose beginning is written beside their work.

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

let services = -1;

interface Scene extends AsyncDisposable {
  platform: Platform;
  log: string[];
  /** What the operation's record was seen to say: step under way, finished steps. */
  told: string[];
}

/** Step one is an ordinary one, the other begins beside. */
async function start(at: { one?: () => Promise<void>; two?: () => Promise<void> }): Promise<Scene> {
  services += 1;
  const log: string[] = [];
  const told: string[] = [];
  const one = async (): Promise<void> => {
    log.push("do one");
    await at.one?.();
  };
  const two = async (): Promise<void> => {
    log.push("do two");
    await at.two?.();
  };
  const undo = async (): Promise<void> => void log.push("undo one");
  const steps = [step("one", one, undo), step("two", two, undefined, { beginsBeside: true })];
  const service = `beside${"abc"[services]}`;
  const platform = await Platform.start({ redisUrl: redis.url, service, jobs: [testJob("pair", steps)] });
  const stop = platform.store.onChange(({ kind, bytes }) => {
    if (kind !== operationKind.name) return;
    const record = OperationRecord.decode(bytes);
    const line = `${metadataOf(record).step}: ${record.finishedSteps.join()}`;
    if (told.at(-1) !== line) told.push(line);
  });
  const dispose = async (): Promise<void> => {
    stop();
    await platform[Symbol.asyncDispose]();
  };
  return { platform, log, told, [Symbol.asyncDispose]: dispose };
}

test("the record tells each step, and what was finished before it", async () => {
  await using scene = await start({});
  const ended = await scene.platform.ended(await scene.platform.submit("web", { job: "pair" }));
  assert.equal(ended.result?.$case, "response");
  assert.deepEqual(scene.log, ["do one", "do two"]);
  assert.deepEqual(scene.told, [": ", "one: ", "two: one", "two: one,two"]);
});

test("one that fails is undone with those before it", async () => {
  await using scene = await start({ two: () => Promise.reject(internal("BROKEN", "it fails")) });
  const ended = await scene.platform.ended(await scene.platform.submit("web", { job: "pair" }));
  assert.equal(metadataOf(ended).state, OperationState.OPERATION_STATE_FAILED);
  assert.deepEqual(scene.log, ["do one", "do two", "undo one"]);
  assert.equal(await scene.platform.instance("web"), undefined);
});

test("a cancellation that comes just before it is heeded: what was made is undone", async () => {
  const submitted = Promise.withResolvers<string>();
  await using scene = await start({
    one: async () => scene.platform.operations.cancel(await submitted.promise),
  });
  const operation = await scene.platform.submit("web", { job: "pair" });
  submitted.resolve(operation.name);
  const ended = await scene.platform.ended(operation);
  assert.equal(metadataOf(ended).state, OperationState.OPERATION_STATE_CANCELLED);
  assert.equal(scene.log.at(-1), "undo one");
  assert.equal(await scene.platform.instance("web"), undefined);
});
