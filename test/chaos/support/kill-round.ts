import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { OperationState } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { Instance, type InstanceSpec, InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { readMetadata } from "../../../services/common/jobs/metadata.ts";
import type { Scene, Victim } from "./scene.ts";
import { instanceName } from "./scene.ts";
import { assertWhole, listInstances } from "./whole.ts";

export type Verb = "create" | "resize" | "delete";

/** When the victim is killed: as soon as a step is told to be under way, or so long after the first operation was asked for. */
export type Moment = { step: string } | { afterMs: number };

export interface Round {
  verb: Verb;
  victim: Victim;
  moment: Moment;
  /** A second kill, so long after the victim is back. */
  againAfterMs: number | undefined;
  /** The instances that the operations are on, begun one after the other. */
  ids: readonly string[];
  /** Between two of them. */
  staggerMs: number;
  memoryBytes: bigint;
  /** Of what is created, beside what every instance of a scene has. */
  spec?: Partial<InstanceSpec>;
}

/** The contract: an operation ends within this time of the process being back. */
export const RESUME_MS_MAX = 15_000;
const SETTLE_MS = 15_000;
const MOMENT_MS_MAX = 10_000;

export interface RoundResult {
  /** Steps that were told to be under way when a kill was sent, one per operation that had not ended. */
  hit: string[];
  /** From the victim's being back to the end of the last operation. */
  resumeMs: number;
}

/** Begins the operations, kills the victim at the moment, brings it back, and checks that everything ends as it should. */
export async function killRound(scene: Scene, round: Round): Promise<RoundResult> {
  const { verb, victim, ids } = round;
  const reached = momentReached(scene, round);
  const begun = ids.map(async (id, at) => {
    await delay(at * round.staggerMs);
    return begin(scene, round, id);
  });
  const all = Promise.all(begun);
  // Seen below.
  all.catch(() => undefined);
  const hit: string[] = [];
  const killed = async (): Promise<number> => {
    hit.push(...underWay(scene));
    await scene.kill(victim);
    await scene.restart(victim);
    return performance.now();
  };
  await reached;
  let backMs = await killed();
  if (round.againAfterMs !== undefined) {
    await delay(round.againAfterMs);
    backMs = await killed();
  }
  const operations = await all;
  const ended = await Promise.all(operations.map((operation) => scene.ended(operation.name, RESUME_MS_MAX)));
  const resumeMs = performance.now() - backMs;
  for (const operation of ended) checkEnd(operation, verb);
  // A container that was cut off in its start is started again by the engine, and by the reconciler after that.
  const settled = async (): Promise<true> => {
    await checkInstances(scene, round);
    return true;
  };
  await waitUntil(settled, { what: "the instances as they should be", timeoutMs: SETTLE_MS });
  await assertWhole(scene);
  return { hit, resumeMs };
}

function momentReached(scene: Scene, { moment, verb }: Round): Promise<void> {
  return "afterMs" in moment ? delay(moment.afterMs) : stepReached(scene, `${verb}-instance`, moment.step);
}

/** Rejects where the step is never told. */
export async function stepReached(scene: Scene, job: string, wanted: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = scene.onOperation((record) => {
    if (record.job === job && !record.operation?.done && readMetadata(record).step === wanted) resolve();
  });
  const late = setTimeout(() => reject(new Error(`no ${job} told of step ${wanted}`)), MOMENT_MS_MAX);
  try {
    await promise;
  } finally {
    clearTimeout(late);
    stop();
  }
}

function begin(scene: Scene, { verb, memoryBytes, spec }: Round, id: string): Promise<Operation> {
  if (verb === "create") return scene.create(id, { ...spec, memoryBytes: 64n << 20n });
  return verb === "resize" ? scene.resize(id, memoryBytes) : scene.remove(id);
}

function underWay(scene: Scene): string[] {
  return scene.watcher.ofKind("Operation").flatMap(({ name }) => {
    const record = scene.watcher.operation(name)!;
    return record.operation?.done ? [] : [readMetadata(record).step || "queued"];
  });
}

function checkEnd(operation: Operation, verb: Verb): void {
  const metadata = readMetadata({ operation } as Parameters<typeof readMetadata>[0]);
  const what = `${verb} of ${metadata.target}`;
  assert.equal(operation.result?.$case, "response", `${what}: ${JSON.stringify(operation.result)}`);
  assert.equal(metadata.state, OperationState.OPERATION_STATE_SUCCEEDED, what);
  if (verb === "delete" || operation.result?.$case !== "response") return;
  const answer = Instance.decode(operation.result.value.value);
  // The engine's restart policy may just be starting it again.
  const good: InstanceState[] = [InstanceState.INSTANCE_STATE_RUNNING, InstanceState.INSTANCE_STATE_STARTING];
  assert.ok(good.includes(answer.status!.state), `${what}: ${answer.status!.state}`);
}

async function checkInstances(scene: Scene, { verb, ids, memoryBytes }: Round): Promise<void> {
  const there = new Map((await listInstances(scene)).map((instance) => [instance.meta!.name, instance]));
  for (const id of ids) {
    const instance = there.get(instanceName(id));
    if (verb === "delete") {
      assert.equal(instance, undefined, `${id} is gone`);
      continue;
    }
    const raw = await inspectContainer(scene.engine, id);
    const seen = `${id}: ${JSON.stringify(raw.State)}`;
    assert.equal(raw.State.Status, "running", seen);
    assert.equal(instance?.status?.state, InstanceState.INSTANCE_STATE_RUNNING, seen);
    assert.equal(raw.Id, instance.status.containerId, `${id}: one container, and this one`);
    const memory = verb === "create" ? 64n << 20n : memoryBytes;
    assert.equal(instance.spec?.memoryBytes, memory, id);
    assert.equal(BigInt(raw.HostConfig.Memory ?? 0), memory, `${id}: memory limit on the engine`);
  }
}
