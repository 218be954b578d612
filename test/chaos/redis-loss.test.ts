import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { WatchRequest, type WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { ListMirrorsRequest } from "../../proto/gen/gantry/compute/v1/compute.ts";
import type { Meta } from "../../proto/gen/gantry/common/v1/meta.ts";
import type { Operation } from "../../proto/gen/google/longrunning/operations.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { GantryError } from "../../services/common/errors/errors.ts";
import { readMetadata } from "../../services/common/jobs/metadata.ts";
import { call, stream } from "../../services/common/rpc/client.ts";
import { instanceName, PARENT, Scene, type Victim } from "./support/scene.ts";
import { answered } from "./support/settle.ts";
import { assertWhole, listInstances } from "./support/whole.ts";
import {
  createMirror,
  createProject,
  deleteMirror,
  deleteProject,
  updateMirror,
  updateProject,
} from "./support/writes.ts";

const OPERATION_TIMEOUT_MS = 30_000;
const BACK_TIMEOUT_MS = 30_000;

/** What went down together with Redis: killed before it comes back, and started once it is back. */
const TOGETHER: readonly (readonly Exclude<Victim, "redis" | "engine">[])[] = [[], ["compute"], ["compute", "gateway"]];

/** Everything a user has made, as the lists tell it. The version is the log's and may differ. */
async function acknowledged(scene: Scene): Promise<Map<string, unknown>> {
  const { compute, settings } = scene;
  const page = { pageSize: 1_000, pageToken: "", labelSelector: "" };
  const [instances, projects, mirrors] = await Promise.all([
    answered(() => listInstances(scene)),
    answered(() => call(compute, "listProjects", page, settings)),
    answered(() =>
      call(compute, "listMirrors", ListMirrorsRequest.fromPartial({ ...page, parent: "projects/-" }), settings),
    ),
  ]);
  const all: { meta: Meta | undefined; spec: unknown }[] = [...instances, ...projects.projects, ...mirrors.mirrors];
  return new Map(
    all.map(({ meta, spec }) => {
      const { name, uid, etag, generation, labels, annotations, createTime, deleteTime } = meta!;
      return [name, { uid, etag, generation, labels, annotations, createTime, deleteTime, spec }];
    }),
  );
}

/** Of every kind something that is made, something that is changed, and something that is deleted. */
async function change(scene: Scene, round: string): Promise<void> {
  const ended = async (operation: Promise<Operation>): Promise<void> => {
    const { result } = await scene.ended((await operation).name, OPERATION_TIMEOUT_MS);
    assert.equal(result?.$case, "response", JSON.stringify(result));
  };
  const [kept, gone] = [`${round}-kept`, `${round}-gone`];
  await Promise.all([ended(scene.create(kept, {}, { round })), ended(scene.create(gone))]);
  await Promise.all([ended(scene.relabel(kept, { round, changed: "yes" })), ended(scene.remove(gone))]);
  await ended(scene.resize(kept, 96n << 20n));
  await Promise.all([createProject(scene, kept, "first"), createProject(scene, gone)]);
  await updateProject(scene, `projects/${kept}`, { displayName: "second", labels: { round } });
  await deleteProject(scene, `projects/${gone}`);
  await Promise.all([createMirror(scene, PARENT, kept), createMirror(scene, PARENT, gone)]);
  await updateMirror(scene, `${PARENT}/mirrors/${kept}`, { round, changed: "yes" });
  await deleteMirror(scene, `${PARENT}/mirrors/${gone}`);
}

/** Changes that are answered the moment before everything goes down: nothing has had time to settle. */
async function changeAtOnce(scene: Scene, round: string): Promise<string[]> {
  const kept = `${round}-kept`;
  const before = [createProject(scene, `${round}-late`), createMirror(scene, PARENT, `${round}-late`)];
  await Promise.all(before);
  const [created, relabeled] = await Promise.all([
    scene.create(`${round}-late`),
    scene.relabel(kept, { round, changed: "late" }),
    updateProject(scene, `projects/${kept}`, { displayName: "late" }),
    updateMirror(scene, `${PARENT}/mirrors/${kept}`, { round, changed: "late" }),
    deleteMirror(scene, `${PARENT}/mirrors/${round}-late`),
    deleteProject(scene, `projects/${round}-late`),
  ]);
  return [created.name, relabeled.name];
}

/** A creation that is in the middle of its steps when this resolves. */
async function underWay(scene: Scene, id: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = scene.onOperation((record) => {
    const { target, step } = readMetadata(record);
    if (target === instanceName(id) && step === "create-container") resolve();
  });
  const { name } = await scene.create(id);
  await promise;
  stop();
  return name;
}

interface Loss {
  scene: Scene;
  round: string;
  together: readonly Victim[];
  /** Takes data from a Redis that is down. */
  lose: () => Promise<void>;
}

async function lossHeals({ scene, round, together, lose }: Loss): Promise<void> {
  const { watcher, mirrors } = scene;
  const before = await acknowledged(scene);
  const { logId, revision } = watcher;
  const resets = watcher.counts.resets;
  const running = await underWay(scene, `${round}-running`);
  const late = await changeAtOnce(scene, round);
  for (const mirror of mirrors) {
    mirror.origins.length = 0;
    mirror.deleted.length = 0;
  }
  await Promise.all([...together, "redis" as const].map((victim) => scene.kill(victim)));
  await lose();
  await scene.restart("redis");
  for (const victim of together) await scene.restart(victim);

  for (const name of [running, ...late]) {
    const { result } = await scene.ended(name, BACK_TIMEOUT_MS);
    assert.equal(result?.$case, "response", `${name}: ${JSON.stringify(result)}`);
  }
  await assertWhole(scene, BACK_TIMEOUT_MS);
  const after = await acknowledged(scene);
  checkLate(after, round);
  const touched = new Set([
    `projects/${round}-kept`,
    `${PARENT}/mirrors/${round}-kept`,
    ...["kept", "late", "running"].map((id) => instanceName(`${round}-${id}`)),
  ]);
  assert.deepEqual(without(after, touched), without(before, touched), "what was acknowledged is there, and no more");

  assert.notEqual(watcher.logId, logId, "the log is another");
  assert.ok(watcher.counts.resets > resets, "who watched was told");
  const request = WatchRequest.fromPartial({ logId, since: revision });
  const first = await firstOfRecords(stream(scene.compute, "watch", request, { token: scene.platform.adminToken }));
  assert.ok(first?.reset, "who comes back with a position of the old log is told");
  for (const mirror of mirrors) {
    const gone = new Set(mirror.deleted);
    const wrong = [...after.keys()].filter((name) => gone.has(name));
    assert.deepEqual(wrong, [], `${mirror.name} showed as deleted what was there`);
    if (!together.includes("gateway")) {
      const told = mirror.origins.filter((state) => state.startsWith("compute "));
      assert.ok(
        told.some((state) => state !== "compute live"),
        `${mirror.name} was told that something is wrong: ${told.join()}`,
      );
      assert.equal(told.at(-1), "compute live");
    }
  }
  await etagsWork(scene, `projects/${round}-kept`);
}

function checkLate(after: Map<string, unknown>, round: string): void {
  const at = (name: string) => after.get(name) as { labels: Record<string, string>; spec: { displayName?: string } };
  assert.equal(at(`projects/${round}-kept`).spec.displayName, "late");
  assert.equal(at(`${PARENT}/mirrors/${round}-kept`).labels["changed"], "late");
  assert.equal(at(instanceName(`${round}-kept`)).labels["changed"], "late");
  assert.ok(after.has(instanceName(`${round}-late`)));
  assert.ok(after.has(instanceName(`${round}-running`)));
  for (const name of [`projects/${round}-late`, `${PARENT}/mirrors/${round}-late`]) assert.ok(!after.has(name), name);
}

function without(all: Map<string, unknown>, names: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries([...all].filter(([name]) => !names.has(name)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The first batch that says something of the records; others tell of origins alone. */
async function firstOfRecords(batches: AsyncIterable<WatchResponse>): Promise<WatchResponse | undefined> {
  for await (const batch of batches) if (batch.logId !== "" || batch.reset) return batch;
  return undefined;
}

async function etagsWork(scene: Scene, name: string): Promise<void> {
  const { meta } = await call(scene.compute, "getProject", { name }, scene.settings);
  const changed = await updateProject(scene, name, { displayName: "with etag", etag: meta!.etag });
  assert.notEqual(changed.meta!.etag, meta!.etag);
  const stale = updateProject(scene, name, { displayName: "stale", etag: meta!.etag });
  await assert.rejects(stale, (error) => error instanceof GantryError && error.code === Code.ABORTED);
}

const label = (together: readonly string[]): string => ["Redis", ...together].join(", ");

describe("Redis loses data", { concurrency: 2, timeout: 600_000 }, () => {
  test("wiped, and started empty", async (context) => {
    await using scene = await Scene.start({ mirrors: ["realm", PARENT] });
    for (const [at, together] of TOGETHER.entries()) {
      await context.test(label(together), async () => {
        const round = `w${at}`;
        await change(scene, round);
        await lossHeals({ scene, round, together, lose: () => scene.platform.redis.wipe() });
      });
    }
  });

  test("rolled back to an older state", async (context) => {
    await using scene = await Scene.start({ mirrors: ["realm", PARENT] });
    const data = join(scene.platform.redis.dir, "appendonlydir");
    for (const [at, together] of TOGETHER.entries()) {
      await context.test(label(together), async () => {
        const round = `r${at}`;
        await change(scene, `${round}-old`);
        await scene.kill("redis");
        await cp(data, `${data}.old`, { recursive: true });
        await scene.restart("redis");
        await waitUntil(async () => scene.watcher.synced || undefined, { what: "the watcher", timeoutMs: 10_000 });
        await change(scene, round);
        // What was there at the copy is changed and deleted behind it.
        await updateProject(scene, `projects/${round}-old-kept`, { displayName: "changed behind the copy" });
        await scene.ended((await scene.remove(`${round}-old-kept`)).name, OPERATION_TIMEOUT_MS);
        await deleteMirror(scene, `${PARENT}/mirrors/${round}-old-kept`);
        const lose = async (): Promise<void> => {
          await scene.platform.redis.wipe();
          await cp(`${data}.old`, data, { recursive: true });
          await rm(`${data}.old`, { recursive: true });
        };
        await lossHeals({ scene, round, together, lose });
      });
    }
  });
});
