import assert from "node:assert/strict";
import { once, EventEmitter } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import type { ProgramSpec } from "../../../../deploy/local/process/program.ts";
import { Supervisor } from "../../../../deploy/local/supervise/supervisor.ts";
import { testFolder } from "../../../support/cleanup.ts";

function spec(dir: string, name: string, script: string): ProgramSpec {
  return {
    name,
    command: process.execPath,
    args: ["-e", script],
    env: process.env,
    logPath: join(dir, "log"),
    isReady: async () => {},
    readyTimeoutMs: 5_000,
    stopSignal: "SIGTERM",
    stopTimeoutMs: 5_000,
    orphanSignal: "SIGKILL",
  };
}

function supervised(): { supervisor: Supervisor; events: EventEmitter } {
  const events = new EventEmitter();
  const supervisor = new Supervisor({
    ready: (name) => events.emit("ready", name),
    restarting: (name, reason, delayMs) => events.emit("restarting", name, reason, delayMs),
    failed: (name, reason) => events.emit("failed", name, reason),
  });
  return { supervisor, events };
}

test("what dies is started again, each time later", { timeout: 30_000 }, async () => {
  await using folder = await testFolder();
  const { supervisor, events } = supervised();
  const delays: number[] = [];
  events.on("restarting", (_name, reason: string, delayMs: number) => {
    assert.match(reason, /exit code 3/);
    delays.push(delayMs);
  });
  await supervisor.start(spec(folder.path, "mortal", "setTimeout(() => process.exit(3), 100)"));
  while (delays.length < 3) await once(events, "restarting");
  await supervisor.stop(() => {});
  assert.deepEqual(delays, [500, 1_000, 2_000]);
});

test("wrong settings are not tried again", { timeout: 30_000 }, async () => {
  await using folder = await testFolder();
  const { supervisor, events } = supervised();
  events.on("restarting", () => assert.fail("started again"));
  const failed = once(events, "failed");
  await supervisor.start(spec(folder.path, "misconfigured", "process.exit(78)"));
  const [name, reason] = (await failed) as [string, string];
  assert.equal(name, "misconfigured");
  assert.match(reason, /settings are wrong/);
  await supervisor.stop(() => {});
});

test(
  "the last one started is the first one stopped, also while one is being started again",
  { timeout: 30_000 },
  async () => {
    await using folder = await testFolder();
    const { supervisor, events } = supervised();
    const order: string[] = [];
    await supervisor.start(spec(folder.path, "a", "setInterval(() => {}, 1000)"));
    const restarting = once(events, "restarting");
    await supervisor.start(spec(folder.path, "b", "setTimeout(() => process.exit(1), 50)"));
    await restarting;
    await supervisor.stop((name) => order.push(name));
    assert.deepEqual(order, ["b", "a"]);
  },
);
