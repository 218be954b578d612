import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConditionStatus } from "../../../../proto/gen/gantry/common/v1/meta.ts";
import { Instance, InstanceState, PowerState } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  createContainer,
  inspectContainer,
  startContainer,
} from "../../../../services/common/engine/api/containers.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { identityLabels, KIND_INSTANCE } from "../../../../services/common/engine/labels.ts";
import { EngineObserver } from "../../../../services/common/engine/observer/observer.ts";
import type { Store } from "../../../../services/common/store/api.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { InstanceCatalog } from "../../../../services/compute/instances/catalog.ts";
import { instanceKind } from "../../../../services/compute/kinds.ts";
import { CONDITION_CRASH_LOOP, CRASH_FREE_MS } from "../../../../services/compute/observe/crash-loop.ts";
import { InstanceObserver } from "../../../../services/compute/observe/instance-observer.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { removeAll, testName, TEST_LABELS } from "../../common/engine/support.ts";
import { eventually, HOST, open, type TestFolder, tempFolder, testLog } from "../../common/store/support.ts";

let redis: TestRedis;
let folder: TestFolder;
let store: StoreHandle;
let engine: Engine;
before(async () => {
  [redis, folder] = await Promise.all([startRedis(), tempFolder()]);
  store = await open({ redisUrl: redis.url, dataDir: folder.path, kinds: [instanceKind] });
  engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
});
after(async () => {
  await removeAll(engine);
  engine.close();
  await store.close();
  await redis.stop();
  await folder.remove();
});

/** The store with another clock. */
function withClock(now: () => Date): Store {
  return new Proxy<Store>(store, {
    get(target, key) {
      if (key === "now") return now;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** As its last crash has left it. */
async function loopingInstance(id: string): Promise<{ name: string; startMs: number }> {
  const name = `projects/${testName()}/instances/${id}`;
  const made = await store.transact(async (tx) => {
    const instance = Instance.fromPartial({
      meta: { name, host: HOST },
      spec: { image: BUSYBOX, power: PowerState.POWER_STATE_RUNNING },
      status: {
        state: InstanceState.INSTANCE_STATE_STARTING,
        conditions: [{ type: CONDITION_CRASH_LOOP, status: ConditionStatus.CONDITION_STATUS_TRUE }],
      },
    });
    tx.create(instanceKind, instance);
    return instance;
  });
  const labels = { ...TEST_LABELS, ...identityLabels({ name, uid: made.meta!.uid, kind: KIND_INSTANCE }) };
  const { Id } = await createContainer(engine, testName(), { Image: BUSYBOX, Cmd: ["sleep", "600"], Labels: labels });
  await startContainer(engine, Id);
  return { name, startMs: Date.parse((await inspectContainer(engine, Id)).State.StartedAt) };
}

test("one that is looked at in the very moment in which its crash loop is over is RUNNING soon", async () => {
  const { name, startMs } = await loopingInstance("edge");
  const stop = new AbortController();
  const { signal } = stop;
  const observer = new EngineObserver({ engine, log: testLog });
  const catalog = new InstanceCatalog();
  await catalog.start(store, (error) => assert.fail(String(error)));
  const observing = observer.run(signal);
  let nowMs = startMs;
  let passes = false;
  const clock = withClock(() => new Date(passes ? (nowMs += 1) : nowMs));
  const askInnerEngine = () => Promise.reject(new Error("it has none"));
  try {
    await observer.live(signal);
    await observer.settled();
    new InstanceObserver({ host: HOST, store: clock, observer, catalog, askInnerEngine, log: testLog, signal }).start();
    await eventually(async () => (await store.need(instanceKind, name)).status?.startTime?.getTime() === startMs);
    // Time passes between any two looks at the clock: here the loop is over between the first and the second.
    nowMs = startMs + CRASH_FREE_MS - 2;
    passes = true;
    await store.mutate(instanceKind, name, ({ meta }) => void (meta!.labels["looked"] = "again"));
    const running = await eventually(async () => {
      const instance = await store.need(instanceKind, name);
      return instance.status?.state === InstanceState.INSTANCE_STATE_RUNNING && instance;
    }, CRASH_FREE_MS / 2);
    const crashLoop = running.status!.conditions.find(({ type }) => type === CONDITION_CRASH_LOOP);
    assert.equal(crashLoop?.status, ConditionStatus.CONDITION_STATUS_FALSE);
  } finally {
    stop.abort();
    catalog.close();
    await observing;
  }
});
