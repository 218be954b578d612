import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { EventType, OriginStatus } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { ObservationHub, ObservationSet, observationName } from "../../../../services/common/watch/observations.ts";
import type { Observation } from "../../../../services/common/watch/observations.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "../store/support.ts";
import { eventually, instance, instances, open, tempFolder } from "../store/support.ts";
import type { WatchOptions } from "./support.ts";
import { Watcher } from "./support.ts";

const ORIGIN = "docker/host-a";

const item = (id: string, version = "1", rest: Partial<Observation> = {}): Observation => {
  const kind = rest.kind ?? "Container";
  const bytes = Buffer.from(`${id}@${version}`);
  const name = observationName(ORIGIN, kind, id);
  return { kind, name, version, labels: {}, project: "", typeName: "gantry.compute.v1.Container", bytes, ...rest };
};

describe("Watch of observations", () => {
  let redis: TestRedis;
  let folder: TestFolder;
  let store: StoreHandle;
  let watchers: Watcher[] = [];

  before(async () => {
    redis = await startRedis();
    folder = await tempFolder();
    store = await open({ redisUrl: redis.url, dataDir: folder.path });
  });

  afterEach(async () => {
    await Promise.all(watchers.map((watcher) => watcher.close()));
    watchers = [];
  });

  after(async () => {
    await store?.close();
    await redis?.stop();
    await folder?.remove();
  });

  const watch = (options: WatchOptions): Watcher => {
    const watcher = new Watcher(store, { ...options, request: { observations: true, ...options.request } });
    watchers.push(watcher);
    return watcher;
  };
  const ids = (watcher: Watcher): string =>
    [...watcher.observed.values()]
      .map(({ name }) => name.split("/").at(-1))
      .sort()
      .join();

  test("origins first, then a snapshot, then the changes", async () => {
    const set = new ObservationSet({ origin: ORIGIN });
    set.replace([item("a"), item("b")]);
    set.setStatus("live");
    const watcher = await watch({ observations: set }).whenSynced();
    const [first] = watcher.batches;
    assert.deepEqual(first!.origins.map(({ origin }) => origin).sort(), ["compute", ORIGIN]);
    assert.equal(watcher.origins.get(ORIGIN)!.status, OriginStatus.ORIGIN_STATUS_LIVE);
    assert.equal(watcher.origins.get(ORIGIN)!.originEpoch, set.epoch);
    assert.equal(ids(watcher), "a,b");
    const a = watcher.events.find(({ name }) => name === `${ORIGIN}/Container/a`)!;
    assert.equal(a.revision, 0n);
    assert.equal(a.version, "1");
    assert.equal(a.origin, ORIGIN);
    assert.equal(a.originEpoch, set.epoch);
    assert.equal(Buffer.from(a.object!.value).toString(), "a@1");
    set.put(item("c"));
    set.put(item("a", "2"));
    set.delete(item("b").name);
    await eventually(() => ids(watcher) === "a,c");
    assert.equal(watcher.observed.get(`Container\n${item("a").name}`)!.version, "2");
  });

  test("replace tells the differences only; of some kinds leaves the others", async () => {
    const set = new ObservationSet({ origin: ORIGIN });
    set.replace([item("a"), item("b"), item("v", "1", { kind: "Volume" })]);
    const watcher = await watch({ observations: set }).whenSynced();
    const count = watcher.events.length;
    set.replace([item("a"), item("b", "2"), item("c")], ["Container"]);
    await eventually(() => ids(watcher) === "a,b,c,v");
    assert.deepEqual(
      watcher.events.slice(count).map(({ name }) => name.split("/").at(-1)),
      ["b", "c"],
    );
    set.replace([]);
    await eventually(() => ids(watcher) === "");
  });

  test("origin states are sent when they change", async () => {
    const times = [new Date(1000), new Date(2000), new Date(3000)];
    const set = new ObservationSet({ origin: ORIGIN, now: () => times.shift() ?? new Date(9000) });
    const watcher = await watch({ observations: set }).whenSynced();
    assert.equal(watcher.origins.get(ORIGIN)!.status, OriginStatus.ORIGIN_STATUS_RESYNCING);
    set.setStatus("live");
    await eventually(() => watcher.origins.get(ORIGIN)!.status === OriginStatus.ORIGIN_STATUS_LIVE);
    set.setStatus("stale", "the engine does not answer");
    await eventually(() => watcher.origins.get(ORIGIN)!.status === OriginStatus.ORIGIN_STATUS_STALE);
    const state = watcher.origins.get(ORIGIN)!;
    assert.equal(state.message, "the engine does not answer");
    assert.deepEqual(state.asOf, new Date(3000));
    set.setStatus("resyncing");
    await eventually(() => watcher.origins.get(ORIGIN)!.status === OriginStatus.ORIGIN_STATUS_RESYNCING);
    assert.deepEqual(watcher.origins.get(ORIGIN)!.asOf, new Date(3000), "it was true until it stopped being live");
  });

  test("without `observations` there are none; usage figures only by name; labels and projects select", async () => {
    const set = new ObservationSet({ origin: ORIGIN });
    set.replace([
      item("a", "1", { labels: { env: "prod" }, project: "p1" }),
      item("b", "1", { labels: { env: "test" }, project: "p2" }),
      item("u", "1", { kind: "ContainerUsage", project: "p1" }),
    ]);
    const none = await watch({ observations: set, request: { observations: false } }).whenSynced();
    assert.equal(ids(none), "");
    assert.equal(none.origins.has(ORIGIN), false);
    const all = await watch({ observations: set }).whenSynced();
    assert.equal(ids(all), "a,b");
    const usage = await watch({ observations: set, request: { kinds: ["ContainerUsage"] } }).whenSynced();
    assert.equal(ids(usage), "u");
    const prod = await watch({ observations: set, request: { labelSelector: "env=prod" } }).whenSynced();
    assert.equal(ids(prod), "a");
    const p2 = await watch({ observations: set, ctx: { visible: (project) => project === "p2" } }).whenSynced();
    assert.equal(ids(p2), "b");
    set.put(item("a", "2", { labels: { env: "test" }, project: "p1" }));
    await eventually(() => ids(prod) === "");
    assert.equal(prod.events.at(-1)!.type, EventType.EVENT_TYPE_DELETED);
    set.put(item("u", "2", { kind: "ContainerUsage", project: "p1" }));
    await eventually(
      () => usage.observed.get(`ContainerUsage\n${item("u", "1", { kind: "ContainerUsage" }).name}`)!.version === "2",
    );
    assert.equal(ids(all), "a,b");
  });

  test("a slow watcher costs one event per item, and ends with the newest", async () => {
    const set = new ObservationSet({ origin: ORIGIN });
    set.replace(Array.from({ length: 100 }, (_, n) => item(`s${n}`)));
    let slow = false;
    const release = Promise.withResolvers<void>();
    const watcher = await watch({
      observations: set,
      onWrite: async () => void (slow && (await release.promise)),
    }).whenSynced();
    slow = true;
    for (let version = 2; version <= 500; version++) {
      for (let n = 0; n < 100; n++) set.put(item(`s${n}`, String(version)));
      if (version % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    release.resolve();
    await eventually(() => [...watcher.observed.values()].every(({ version }) => version === "500"));
    assert.ok(watcher.events.length <= 100 + 100 + 200, `${watcher.events.length} events were sent`);
  });

  test("a hub joins sources that come and go", async () => {
    const other = "kubernetes/dev";
    const docker = new ObservationSet({ origin: ORIGIN });
    const kubernetes = new ObservationSet({ origin: other });
    docker.replace([item("a")]);
    kubernetes.replace([{ ...item("pod"), name: observationName(other, "Pod", "pod"), kind: "Pod" }]);
    const hub = new ObservationHub([docker]);
    const watcher = await watch({ observations: hub }).whenSynced();
    assert.equal(ids(watcher), "a");
    hub.add(kubernetes);
    await eventually(() => ids(watcher) === "a,pod" && watcher.origins.has(other));
    hub.remove(kubernetes);
    await eventually(() => ids(watcher) === "a");
    assert.equal(watcher.origins.get(other)!.status, OriginStatus.ORIGIN_STATUS_GONE);
    kubernetes.put({ ...item("late"), name: observationName(other, "Pod", "late") });
    docker.put(item("b"));
    await eventually(() => ids(watcher) === "a,b");
  });

  test("records and observations come over one stream, synced is said once", async () => {
    const set = new ObservationSet({ origin: ORIGIN });
    set.replace(Array.from({ length: 1000 }, (_, n) => item(`m${n}`)));
    await store.transact(async (tx) => tx.create(instances, instance("mixed")));
    const watcher = await watch({ observations: set }).whenSynced();
    assert.equal(watcher.observed.size, 1000);
    assert.deepEqual(watcher.names(), ["mixed"]);
    assert.equal(watcher.batches.filter(({ synced }) => synced).length, 1);
    assert.ok(watcher.batches.every(({ events }) => events.length <= 200));
  });
});
