import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { ListInstancesRequest, ListMirrorsRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { Mirror, Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import { listContainers } from "../../../services/common/engine/api/containers.ts";
import { listNetworks } from "../../../services/common/engine/api/networks.ts";
import { listVolumes } from "../../../services/common/engine/api/volumes.ts";
import { KIND_INSTANCE, KIND_PROBE, LABEL_KIND, LABEL_UID } from "../../../services/common/engine/labels.ts";
import { UNFINISHED_SET } from "../../../services/common/jobs/kind.ts";
import { readMetadata } from "../../../services/common/jobs/metadata.ts";
import { servicePrefix, storeKeys } from "../../../services/common/redis/keys.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { RecordFolder } from "../../../services/common/store/files/folder.ts";
import { versionOf } from "../../../services/common/store/records/stored.ts";
import type { Scene } from "./scene.ts";

const SETTLE_MS = 15_000;
const PAGE_SIZE = 1_000;
/** The host's probes make containers for a moment; those of a process that was killed are removed after two minutes and a round. */
const PROBE_AGE_MS_MAX = 180_000;

/**
 * Everything that must hold when nothing is under way, on every side of the platform. Waits for it: those who look on are told a moment
 * later. Throws with what does not hold.
 */
export async function assertWhole(scene: Scene, timeoutMs = SETTLE_MS): Promise<void> {
  const checks = [
    nothingUnfinished,
    engineHasWhatIsRecorded,
    noOrphanShims,
    watcherIsRight,
    mirrorsAreRight,
    filesAreRight,
  ];
  for (const check of checks) {
    const holds = async (): Promise<true> => {
      await check(scene);
      return true;
    };
    await waitUntil(holds, { what: check.name, timeoutMs, intervalMs: 100 });
  }
  assert.deepEqual(scene.watcher.violations, [], "Watch kept its promises");
  for (const mirror of scene.mirrors) assert.deepEqual(mirror.violations, [], "the mirror was right all the time");
}

export async function listInstances({ compute, settings }: Scene): Promise<Instance[]> {
  const request = ListInstancesRequest.fromPartial({ parent: "projects/-", pageSize: PAGE_SIZE });
  return (await call(compute, "listInstances", request, settings)).instances;
}

async function nothingUnfinished(scene: Scene): Promise<void> {
  const { watcher, redis } = scene;
  assert.ok(watcher.synced, "the watcher is not synced");
  const open = watcher.ofKind("Operation").flatMap(({ name }) => {
    const record = watcher.operation(name)!;
    return record.operation?.done ? [] : [`${name} (${record.job}, ${readMetadata(record).step})`];
  });
  assert.deepEqual(open, [], "operations that have not ended");
  const prefix = servicePrefix("compute");
  assert.deepEqual(await redis.smembers(storeKeys(prefix).set(UNFINISHED_SET)), [], "intents that are left");
  const queue = `${prefix}:compute@${scene.platform.hostName}`;
  const counts = await Promise.all([
    redis.llen(`${queue}:wait`),
    redis.llen(`${queue}:active`),
    redis.zcard(`${queue}:delayed`),
  ]);
  assert.deepEqual(counts, [0, 0, 0], "jobs in the queue");
  const busy = (await listInstances(scene)).filter(({ meta }) => meta!.operation !== "" || meta!.deleteTime);
  assert.deepEqual(
    busy.map(({ meta }) => meta!.name),
    [],
    "instances with an operation that is no more",
  );
}

async function engineHasWhatIsRecorded(scene: Scene): Promise<void> {
  const { engine } = scene;
  const instances = await listInstances(scene);
  const uids = instances.map(({ meta }) => meta!.uid).sort();
  const containers = await listContainers(engine, {});
  const probes = containers.filter(({ Labels }) => Labels[LABEL_KIND] === KIND_PROBE);
  const old = probes.filter(({ Created }) => Date.now() - Created * 1000 > PROBE_AGE_MS_MAX);
  assert.deepEqual(
    old.map(({ Names }) => Names),
    [],
    "containers of probes that were killed",
  );
  const owned = containers.filter(({ Labels }) => Labels[LABEL_KIND] === KIND_INSTANCE);
  assert.deepEqual(owned.map(({ Labels }) => Labels[LABEL_UID]).sort(), uids, "containers, one per instance");
  assert.equal(containers.length, owned.length + probes.length, "containers without labels");
  const recorded = new Set(uids);
  const volumes = (await listVolumes(engine)).filter(({ Labels }) => !recorded.has(Labels?.[LABEL_UID] ?? ""));
  assert.deepEqual(
    volumes.map(({ Name }) => Name),
    [],
    "volumes of no instance",
  );
  const networks = (await listNetworks(engine)).map(({ Name }) => Name).sort();
  assert.deepEqual(
    networks.filter((name) => !["bridge", "host", "none"].includes(name)),
    ["gantry"],
    "networks",
  );
  const addresses = instances.map(({ reservation }) => reservation?.ipv4 ?? "");
  assert.equal(new Set(addresses).size, addresses.length, "no address is given twice");
}

/** What the lists say, by key as mirrors have it. */
async function listed(scene: Scene): Promise<Map<string, JsonValue>> {
  const { compute, settings } = scene;
  const [instances, projects, mirrors] = await Promise.all([
    listInstances(scene),
    call(compute, "listProjects", { pageSize: PAGE_SIZE, pageToken: "", labelSelector: "" }, settings),
    call(
      compute,
      "listMirrors",
      ListMirrorsRequest.fromPartial({ parent: "projects/-", pageSize: PAGE_SIZE }),
      settings,
    ),
  ]);
  assert.equal(projects.nextPageToken + mirrors.nextPageToken, "", "more than a page");
  const json = (type: string, bytes: Uint8Array): JsonValue => codec.toJson(type, bytes, { redact: true });
  return new Map([
    ...instances.map((one) => entry(one.meta!.name, json("gantry.compute.v1.Instance", Instance.encode(one).finish()))),
    ...projects.projects.map((one) =>
      entry(one.meta!.name, json("gantry.compute.v1.Project", Project.encode(one).finish())),
    ),
    ...mirrors.mirrors.map((one) =>
      entry(one.meta!.name, json("gantry.compute.v1.Mirror", Mirror.encode(one).finish())),
    ),
  ]);
}

function entry(name: string, json: JsonValue): [string, JsonValue] {
  return [name, json];
}

/** Supervisors of containers that the engine does not have. */
async function noOrphanShims({ engine, platform }: Scene): Promise<void> {
  const ids = new Set((await listContainers(engine, {})).map(({ Id }) => Id));
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  const shims = lines.map((line) => line.split("\0")).filter((words) => /containerd-shim/.test(words[0] ?? ""));
  const ours = shims.filter((words) => words.some((word) => word.startsWith(`${platform.engine.dir}/`)));
  const orphans = ours.map((words) => words[words.indexOf("-id") + 1]!).filter((id) => !ids.has(id));
  assert.deepEqual(orphans, [], "containerd has what the engine has not");
}

async function watcherIsRight(scene: Scene): Promise<void> {
  const { watcher } = scene;
  const there = await listed(scene);
  assert.ok(watcher.synced, "the watcher is not synced");
  const watched = ["Instance", "Project", "Mirror"].flatMap((kind) => watcher.ofKind(kind));
  assert.deepEqual(watched.map(({ name }) => name).sort(), [...there.keys()].sort(), "names that Watch told");
  for (const { kind, name, bytes } of watched) {
    assert.deepEqual(codec.toJson(`gantry.compute.v1.${kind}`, bytes, { redact: true }), there.get(name), name);
  }
}

async function mirrorsAreRight(scene: Scene): Promise<void> {
  const there = await listed(scene);
  for (const mirror of scene.mirrors) {
    const { replica } = mirror.client;
    assert.ok(mirror.settled, `the mirror is not settled: ${JSON.stringify([...replica.origins.values()])}`);
    const shown = [...replica.items()].filter(({ k }) => /^projects\/[^/]+(\/(instances|mirrors)\/[^/]+)?$/.test(k));
    const wanted = [...there].filter(([name]) => isShown(mirror.name, name));
    assert.deepEqual(shown.map(({ k }) => k).sort(), wanted.map(([name]) => name).sort(), "names in the mirror");
    for (const { k, d } of shown) assert.deepEqual(d, there.get(k), `${k} in the mirror`);
    if (mirror.name !== "realm") continue;
    const prefix = `docker/${scene.platform.hostName}/Container/`;
    const containers = [...replica.items()]
      .filter(({ k }) => k.startsWith(prefix))
      .map(({ k, d }) => {
        const { id, state } = d as { id?: string; state?: string };
        return `${k.slice(prefix.length)} ${id} ${state}`;
      });
    const real = (await listContainers(scene.engine, {})).map(
      ({ Names, Id, State }) => `${Names[0]!.slice(1)} ${Id} ${State}`,
    );
    assert.deepEqual(containers.sort(), real.sort(), "containers in the mirror");
  }
}

function isShown(mirror: string, name: string): boolean {
  return mirror === "realm" || name === mirror || name.startsWith(`${mirror}/`);
}

async function filesAreRight(scene: Scene): Promise<void> {
  const folder = new RecordFolder(join(scene.platform.dataDir, "records", "compute"));
  const files = new Map<string, { version: number; bytes: Buffer }>();
  const damaged: string[] = [];
  await folder.readAll(
    ({ header, bytes }) => {
      if (!header.deleted) files.set(`${header.kind}\n${header.name}`, { version: header.version, bytes });
    },
    (file) => damaged.push(file),
  );
  assert.deepEqual(damaged, [], "damaged files");
  const { records } = scene.watcher;
  assert.deepEqual([...files.keys()].sort(), [...records.keys()].sort(), "records that have files");
  for (const [key, { bytes }] of records) {
    assert.ok(files.get(key)!.bytes.equals(bytes), `the file of ${key} is not what the record is`);
    assert.equal(files.get(key)!.version, versionOf(Buffer.from(bytes)), `version of the file of ${key}`);
  }
}
