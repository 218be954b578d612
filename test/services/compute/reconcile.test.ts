import assert from "node:assert/strict";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { InstanceState, PowerState, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  findContainer,
  inspectContainer,
  killContainer,
  listContainers,
  pauseContainer,
  removeContainer,
  startContainer,
  stopContainer,
} from "../../../services/common/engine/api/containers.ts";
import { LABEL_UID } from "../../../services/common/engine/labels.ts";
import { failure, TestCompute } from "./support/compute.ts";

let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
});
after(() => compute?.[Symbol.asyncDispose]());

const inspect = (id: string) => inspectContainer(compute.engine, compute.containerName(id));

/** Until container and record are in this state and nothing works on them. */
function settles(id: string, engineState: string, state: InstanceState, timeoutMs = 20_000) {
  return compute.until(
    `${id} is ${engineState}`,
    async () => {
      const container = await findContainer(compute.engine, compute.containerName(id));
      const instance = await compute.get(id);
      const settled = container?.State.Status === engineState && instance.status?.state === state;
      return settled && instance.meta?.operation === "" && { container, instance };
    },
    timeoutMs,
  );
}

const RUNNING = InstanceState.INSTANCE_STATE_RUNNING;
const STOPPED = InstanceState.INSTANCE_STATE_STOPPED;

test("a container that was removed behind our back comes back with its address", async () => {
  const made = await compute.created("gone");
  const before = await inspect("gone");
  await removeContainer(compute.engine, before.Id);
  const { container, instance } = await settles("gone", "running", RUNNING);
  assert.notEqual(container.Id, before.Id);
  assert.equal(instance.status?.containerId, container.Id);
  assert.equal(container.NetworkSettings.Networks[compute.network]?.IPAddress, made.reservation?.ipv4);
  assert.equal(container.Config.Labels[LABEL_UID], made.meta?.uid);
});

test("one that was killed or stopped by hand comes back, unless its policy says no", async () => {
  await compute.created("killed");
  const { Id: id, State: state } = await inspect("killed");
  await killContainer(compute.engine, id, "SIGKILL");
  const back = await compute.until("it was started again", async () => {
    const now = await inspect("killed");
    return now.State.Running && now.State.StartedAt !== state.StartedAt && now;
  });
  assert.equal(back.Id, id);
  await settles("killed", "running", RUNNING);

  await compute.created("mortal", { restartPolicy: RestartPolicy.RESTART_POLICY_NEVER });
  await killContainer(compute.engine, compute.containerName("mortal"), "SIGKILL");
  const { instance } = await settles("mortal", "exited", InstanceState.INSTANCE_STATE_FAILED);
  assert.equal(instance.status?.exitCode, 137);
  await compute.created("clean", { restartPolicy: RestartPolicy.RESTART_POLICY_ON_FAILURE });
  await stopContainer(compute.engine, compute.containerName("clean"), 5);
  await settles("clean", "exited", STOPPED);
});

test("what is to be stopped does not run, what is to run is not paused", async () => {
  await compute.created("still");
  await compute.verb("stop", "still");
  await startContainer(compute.engine, compute.containerName("still"));
  await settles("still", "exited", STOPPED);
  assert.equal((await compute.get("still")).spec?.power, PowerState.POWER_STATE_STOPPED);

  await compute.created("awake");
  await pauseContainer(compute.engine, compute.containerName("awake"));
  await settles("awake", "running", RUNNING);
});

test("a stopped one whose container was removed gets it again, not started", async () => {
  await compute.created("shelf");
  await compute.verb("stop", "shelf");
  await removeContainer(compute.engine, compute.containerName("shelf"));
  await settles("shelf", "created", STOPPED);
  assert.equal((await compute.verb("start", "shelf")).status?.state, RUNNING);
});

test("what happens while the process is away is put right when it is back", async () => {
  await compute.created("away");
  await compute.created("doomed");
  await compute.kill("SIGKILL");
  await removeContainer(compute.engine, compute.containerName("away"));
  await compute.startProcess();
  await settles("away", "running", RUNNING);
  await settles("doomed", "running", RUNNING);
});

test("with Redis emptied, records come back from the files; with both gone, from the containers", async () => {
  const made = await compute.created("kept", { memoryBytes: 64n << 20n, env: { COLOUR: "blue" } });
  await compute.verb("resize", "kept", { memoryBytes: 96n << 20n });
  await compute.redis.kill();
  await compute.redis.wipe();
  await compute.redis.start();
  const back = await compute.until("the record is back", () => compute.get("kept").catch(() => undefined), 30_000);
  assert.equal(back.meta?.uid, made.meta?.uid);
  assert.equal(back.spec?.memoryBytes, 96n << 20n);
  assert.deepEqual(back.spec.env, { COLOUR: "blue" });

  const before = await containers();
  await compute.kill("SIGTERM");
  await compute.redis.kill();
  await compute.redis.wipe();
  await compute.redis.start();
  const records = join(compute.folder.path, "records");
  await rm(records, { recursive: true });
  await mkdir(records, { recursive: true });
  await compute.startProcess();
  const adopted = await compute.until("it is adopted", () => compute.get("kept").catch(() => undefined), 90_000);
  assert.equal(adopted.meta?.uid, made.meta?.uid);
  assert.equal(adopted.spec?.memoryBytes, 96n << 20n);
  assert.deepEqual(adopted.spec.env, { COLOUR: "blue" });
  assert.equal(adopted.reservation?.ipv4, made.reservation?.ipv4);
  assert.deepEqual(await containers(), before, "no container was removed or made anew");
  await compute.delete("kept");
  assert.equal((await failure(compute.get("kept"))).reason, "NOT_FOUND");
});

async function containers(): Promise<string[]> {
  const own = (await listContainers(compute.engine)).filter(({ Names }) => Names[0]?.startsWith(`/p${compute.id}.`));
  return own.map(({ Id }) => Id).toSorted();
}
