// Containers that an engine which was killed in their start takes for ended, while they live.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { InstanceState, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { hasLivingProcess } from "../../../services/compute/steps/orphan-shim.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { TestCompute } from "./support/compute.ts";

/** From the engine's being back: three of its restarts, which take some 2.5 s each, the reconciler's turn and the start. */
const HEAL_TIMEOUT_MS = 40_000;
/** The engine's own restarts are further apart only after many of them. */
const STEADY_MS = 4_000;

let engine: TestEngine;
let compute: TestCompute;
before(async () => {
  engine = await startEngine();
  compute = await TestCompute.start({ engineSocket: engine.socketPath });
});
after(async () => {
  await compute?.[Symbol.asyncDispose]();
  await engine?.stop();
});

const inspect = (id: string) => inspectContainer(compute.engine, compute.containerName(id));

/** What a kill between the start of the process and the engine's note of it leaves behind: the process lives, the note says what it said before. */
async function killInStart(id: string, before: object): Promise<string> {
  const { Id } = await inspect(id);
  await engine.kill();
  const file = join(engine.dir, "data", "containers", Id, "config.v2.json");
  const note = JSON.parse(await readFile(file, "utf8")) as { State: object };
  Object.assign(note.State, { Running: false, Pid: 0, StartedAt: "0001-01-01T00:00:00Z" });
  await writeFile(file, JSON.stringify({ ...note, ...before }));
  assert.ok(await hasLivingProcess(Id));
  await engine.start();
  return Id;
}

async function steady(id: string): Promise<void> {
  const first = await inspect(id);
  const end = Date.now() + STEADY_MS;
  await compute.until(`${id} has run for a while`, async () => {
    const { State, RestartCount, NetworkSettings } = await inspect(id);
    assert.deepEqual([State.Status, State.Pid, RestartCount], ["running", first.State.Pid, 0]);
    assert.ok(NetworkSettings.Networks[compute.network]?.IPAddress);
    return Date.now() > end;
  });
}

const isRunning = (id: string) => async () => {
  const { State, RestartCount } = await inspect(id);
  const { status } = await compute.get(id);
  return State.Status === "running" && RestartCount === 0 && status?.state === InstanceState.INSTANCE_STATE_RUNNING;
};

test("one that the engine kills and starts over and over is brought back", async () => {
  await compute.created("kept");
  const container = await killInStart("kept", {});
  await compute.until("the engine kills what it started", async () => {
    const { RestartCount, State } = await inspect("kept");
    return RestartCount > 0 && State.ExitCode === 137;
  });
  await compute.until("it is running again", isRunning("kept"), HEAL_TIMEOUT_MS);
  await steady("kept");
  assert.equal((await inspect("kept")).Id, container);
  await compute.delete("kept");
});

for (const [name, restartPolicy] of [
  ["always", RestartPolicy.RESTART_POLICY_ALWAYS],
  ["never", RestartPolicy.RESTART_POLICY_NEVER],
] as const) {
  test(`a start finds what a start before it left behind, and is no crash loop (${name})`, async () => {
    const id = `cut-${name}`;
    await compute.created(id, { restartPolicy });
    await compute.verb("stop", id);
    await compute.verb("start", id);
    await compute.kill();
    // Stopped by hand, as it was before the start: then the engine leaves it alone.
    await killInStart(id, { HasBeenManuallyStopped: true });
    await compute.startProcess();
    const started = await compute.verb("start", id);
    assert.equal(started.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
    await steady(id);
    await compute.delete(id);
  });

  test(`a stop ends what the engine takes for ended (${name})`, async () => {
    const id = `gone-${name}`;
    await compute.created(id, { restartPolicy });
    await compute.kill();
    const container = await killInStart(id, { HasBeenManuallyStopped: true });
    await compute.startProcess();
    await compute.verb("stop", id);
    await delay(STEADY_MS);
    assert.equal(await hasLivingProcess(container), false);
    assert.equal((await inspect(id)).State.Running, false);
    await compute.delete(id);
  });
}
