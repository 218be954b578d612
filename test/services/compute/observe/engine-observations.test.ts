import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pino } from "pino";
import { Container, EngineNetwork } from "../../../../proto/gen/gantry/compute/v1/engine.ts";
import { HostUsage } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { InstanceUsage } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { type Event, WatchResponse } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import {
  createContainer,
  killContainer,
  removeContainer,
  startContainer,
} from "../../../../services/common/engine/api/containers.ts";
import { createNetwork, removeNetwork } from "../../../../services/common/engine/api/networks.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { identityLabels, KIND_INSTANCE } from "../../../../services/common/engine/labels.ts";
import { EngineObserver } from "../../../../services/common/engine/observer/observer.ts";
import { ObservationSet } from "../../../../services/common/watch/observations.ts";
import { showEngine } from "../../../../services/compute/observe/engine-observations.ts";
import { ContainerMeter } from "../../../../services/compute/observe/usage/container-meter.ts";
import { UsageSampler } from "../../../../services/compute/observe/usage/usage-sampler.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { removeAll, testName, TEST_LABELS, until } from "../../common/engine/support.ts";

const HOST = "rack1-07";
const REALM = "0123456789ab";
const ORIGIN = `docker/${HOST}`;
const log = pino({ level: "silent" });

describe("what the engine has, as observations", () => {
  let engine: Engine;
  let observer: EngineObserver;
  let set: ObservationSet;
  let running: Promise<void>;
  const stop = new AbortController();
  /** As a watcher sees it: the last event of each name. */
  const shown = new Map<string, Event>();
  let puts = 0;

  before(async () => {
    engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
    observer = new EngineObserver({ engine, log });
    set = new ObservationSet({ origin: ORIGIN });
    set.subscribe({
      onItem(earlier, item) {
        if (!item) shown.delete(earlier!.header.name);
        else {
          puts += 1;
          // Encoded as it stands in a batch.
          shown.set(item.header.name, WatchResponse.decode(item.put).events[0]!);
        }
      },
      onOrigin: () => undefined,
    });
    showEngine({ host: HOST, realm: REALM, observer, set });
    running = observer.run(stop.signal);
    await observer.live(AbortSignal.timeout(30_000));
  });
  after(async () => {
    stop.abort();
    await running;
    await removeAll(engine);
    engine.close();
  });

  const container = (name: string): Container | undefined => {
    const event = shown.get(`${ORIGIN}/Container/${name}`);
    return event && Container.decode(event.object!.value);
  };

  test("a container: owner, project, labels, state, addresses; gone when it is gone", async () => {
    const name = testName();
    const owner = "projects/acme/instances/web";
    const labels = { ...TEST_LABELS, ...identityLabels({ name: owner, uid: "u1", kind: KIND_INSTANCE }) };
    const { Id } = await createContainer(engine, name, { Image: BUSYBOX, Cmd: ["sleep", "60"], Labels: labels });
    await startContainer(engine, Id);
    await until(() => Object.keys(container(name)?.addresses ?? {}).length > 0, {
      what: "an address",
      timeoutMs: 10_000,
    });
    const event = shown.get(`${ORIGIN}/Container/${name}`)!;
    assert.deepEqual([event.kind, event.origin, event.project, event.labels], ["Container", ORIGIN, "acme", labels]);
    const seen = container(name)!;
    assert.deepEqual([seen.id, seen.state, seen.owner, seen.host, seen.image], [Id, "running", owner, HOST, BUSYBOX]);
    await killContainer(engine, Id, "SIGKILL");
    await until(() => container(name)?.state === "exited" && container(name)?.exitCode === 137, {
      what: "its end",
      timeoutMs: 10_000,
    });
    await removeContainer(engine, Id);
    await until(() => container(name) === undefined, { what: "its removal", timeoutMs: 10_000 });
  });

  test("what another realm made belongs to no project here", async () => {
    const name = testName();
    const owner = { name: "projects/acme/instances/web", uid: "u3", kind: KIND_INSTANCE };
    const labels = { ...TEST_LABELS, ...identityLabels({ ...owner, realm: "ba9876543210" }) };
    const { Id } = await createContainer(engine, name, { Image: BUSYBOX, Labels: labels });
    await until(() => container(name) !== undefined, { what: "the container", timeoutMs: 10_000 });
    assert.equal(shown.get(`${ORIGIN}/Container/${name}`)!.project, "");
    assert.equal(container(name)!.owner, "");
    await removeContainer(engine, Id);
  });

  test("a rename passes the name on", async () => {
    const [first, second] = [testName(), testName()];
    const { Id } = await createContainer(engine, first, { Image: BUSYBOX, Labels: TEST_LABELS });
    await engine.call("POST", `/containers/${Id}/rename`, { query: { name: second } });
    const taker = await createContainer(engine, first, { Image: BUSYBOX, Labels: TEST_LABELS });
    await until(() => container(second)?.id === Id && container(first)?.id === taker.Id, {
      what: "both names",
      timeoutMs: 10_000,
    });
    await removeContainer(engine, Id);
    await until(() => container(second) === undefined, { what: "the removal of one", timeoutMs: 10_000 });
    assert.equal(container(first)?.id, taker.Id);
  });

  test("networks, images and volumes are there; what has not changed is not told again", async () => {
    const name = testName();
    const { Id } = await createNetwork(engine, { Name: name, Labels: TEST_LABELS });
    const network = (): EngineNetwork | undefined => {
      const event = shown.get(`${ORIGIN}/EngineNetwork/${name}`);
      return event && EngineNetwork.decode(event.object!.value);
    };
    try {
      await until(() => (network()?.subnets.length ?? 0) === 1, { what: "the network", timeoutMs: 10_000 });
      assert.ok([...shown.values()].some(({ kind }) => kind === "Image"));
    } finally {
      await removeNetwork(engine, Id);
    }
    await until(() => network() === undefined, { what: "its removal", timeoutMs: 10_000 });
    const versions = [...shown.values()].map(({ version }) => version);
    assert.equal(new Set(versions).size, versions.length);
  });

  test("usage is sampled while somebody asks for it, and not a moment longer", async () => {
    const name = testName();
    const owner = "projects/acme/instances/busy";
    const labels = { ...TEST_LABELS, ...identityLabels({ name: owner, uid: "u2", kind: KIND_INSTANCE, realm: REALM }) };
    const { Id } = await createContainer(engine, name, {
      Image: BUSYBOX,
      Cmd: ["sh", "-c", "while :; do :; done"],
      Labels: labels,
      HostConfig: { NanoCpus: 100_000_000 },
    });
    await startContainer(engine, Id);
    await until(() => (observer.get("container", Id)?.pid ?? 0) > 0, { what: "its process", timeoutMs: 10_000 });
    const meter = new ContainerMeter(engine);
    const sampler = new UsageSampler({
      host: HOST,
      realm: REALM,
      observer,
      meter,
      set,
      diskPath: () => "/",
      log,
      signal: stop.signal,
      intervalMs: 200,
    });
    const hostUsage = `${ORIGIN}/HostUsage/${HOST}`;
    const instanceUsage = `${ORIGIN}/InstanceUsage/${name}`;
    sampler.demand(["Instance"])();
    assert.ok(!shown.has(hostUsage) && !shown.has(instanceUsage));
    const release = sampler.demand(["HostUsage", "InstanceUsage"]);
    await until(() => shown.has(hostUsage) && shown.has(instanceUsage), { what: "usage", timeoutMs: 10_000 });
    const host = HostUsage.decode(shown.get(hostUsage)!.object!.value);
    assert.ok(host.memoryBytes > 0n && host.diskBytes > 0n && host.cpuMillis > 0n && host.host === `hosts/${HOST}`);
    const usage = InstanceUsage.decode(shown.get(instanceUsage)!.object!.value);
    assert.equal(usage.instance, owner);
    assert.equal(shown.get(instanceUsage)!.project, "acme");
    assert.ok(usage.pids >= 1n && usage.memoryBytes > 0n);
    await removeContainer(engine, Id);
    await until(() => !shown.has(instanceUsage), { what: "the end of its usage", timeoutMs: 10_000 });
    release();
    await until(() => !shown.has(hostUsage), { what: "the end of sampling", timeoutMs: 10_000 });
    assert.ok(puts > 0);
  });
});
