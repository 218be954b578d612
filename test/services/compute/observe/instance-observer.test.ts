import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { status as Code, type ServiceError } from "@grpc/grpc-js";
import { WatchRequest, type WatchResponse } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import { Instance, InstanceState as S, RestartPolicy } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { killContainer, pauseContainer, startContainer } from "../../../../services/common/engine/api/containers.ts";
import { metadataOf } from "../../../../services/common/rpc/client.ts";
import { TestCompute } from "../support/compute.ts";

describe("status of instances whose containers are changed behind Gantry's back", () => {
  let compute: TestCompute;

  before(async () => {
    compute = await TestCompute.start();
  });
  after(async () => {
    await compute?.[Symbol.asyncDispose]();
  });

  const reaches = (id: string, state: S): Promise<Instance> =>
    compute.until(`${id} is in state ${state}`, async () => {
      const instance = await compute.get(id);
      return instance.status?.state === state && instance;
    });

  function watchStates(id: string): { seen: S[]; stop: () => void } {
    const seen: S[] = [];
    const request = WatchRequest.fromPartial({ kinds: ["Instance"], namePrefix: compute.name(id) });
    const stream = compute.client.watch(request, metadataOf({ token: compute.token }));
    stream.on("data", ({ events }: WatchResponse) => {
      for (const { object } of events) if (object) seen.push(Instance.decode(object.value).status!.state);
    });
    stream.on("error", (error: ServiceError) => assert.equal(error.code, Code.CANCELLED));
    return { seen, stop: () => stream.cancel() };
  }

  async function execIn(id: string, command: string[]): Promise<void> {
    const path = `/containers/${compute.containerName(id)}/exec`;
    const { Id } = await compute.engine.call<{ Id: string }>("POST", path, { body: { Cmd: command } });
    await compute.engine.call("POST", `/exec/${Id}/start`, { body: { Detach: true } });
  }

  test("pause, resume and a bad end are seen; etag and generation stay", async () => {
    const made = await compute.created("web", { restartPolicy: RestartPolicy.RESTART_POLICY_NEVER });
    const container = compute.containerName("web");
    // The reconciler resumes it, maybe before one has looked: the log has every state.
    const states = watchStates("web");
    await compute.until("the log is followed", async () => states.seen.length > 0);
    await pauseContainer(compute.engine, container);
    await compute.until("the pause is seen", async () => states.seen.includes(S.INSTANCE_STATE_PAUSED));
    states.stop();
    await reaches("web", S.INSTANCE_STATE_RUNNING);
    await killContainer(compute.engine, container, "SIGKILL");
    const failed = await reaches("web", S.INSTANCE_STATE_FAILED);
    assert.equal(failed.status!.exitCode, 137);
    assert.ok(failed.status!.finishTime! >= failed.status!.startTime!);
    assert.deepEqual(failed.status!.addresses, []);
    assert.deepEqual([failed.meta!.etag, failed.meta!.generation], [made.meta!.etag, made.meta!.generation]);
    await startContainer(compute.engine, container);
    const again = await reaches("web", S.INSTANCE_STATE_RUNNING);
    assert.equal(again.status!.addresses[0]!.ipv4, made.status!.addresses[0]!.ipv4);
  });

  test("a process killed at its memory limit is told as that", async () => {
    // When it is told to, it keeps what it reads until a line ends, which none does.
    const command = ["/bin/sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; exec tail /dev/zero"];
    const restartPolicy = RestartPolicy.RESTART_POLICY_NEVER;
    await compute.created("greedy", { command, memoryBytes: 12n * 1024n * 1024n, restartPolicy });
    await execIn("greedy", ["touch", "/go"]);
    const failed = await reaches("greedy", S.INSTANCE_STATE_FAILED);
    assert.equal(failed.status!.oomKilled, true);
    assert.equal(failed.status!.exitCode, 137);
    assert.equal(failed.status!.conditions.find(({ type }) => type === "ContainerRunning")!.reason, "OutOfMemory");
  });

  test("what changed while the process was away is seen when it is back", async () => {
    const sleeper = { command: ["/bin/sleep", "600"], restartPolicy: RestartPolicy.RESTART_POLICY_NEVER };
    await compute.created("alone", sleeper);
    await compute.kill();
    await killContainer(compute.engine, compute.containerName("alone"), "SIGKILL");
    await compute.startProcess();
    const failed = await reaches("alone", S.INSTANCE_STATE_FAILED);
    assert.equal(failed.status!.exitCode, 137);
  });

  test("nothing is written while nothing changes", async () => {
    await compute.created("calm");
    const version = async (): Promise<bigint> => (await compute.get("calm")).meta!.version;
    const before = await version();
    // An exec, a second look at the list: the engine speaks of the container, its state stays.
    await execIn("calm", ["true"]);
    const end = Date.now() + 3_000;
    await compute.until("it has been watched for a while", async () => {
      assert.equal(await version(), before);
      return Date.now() > end;
    });
  });
});
