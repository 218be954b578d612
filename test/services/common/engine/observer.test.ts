import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pino } from "pino";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import {
  createContainer,
  killContainer,
  pauseContainer,
  removeContainer,
  startContainer,
  unpauseContainer,
} from "../../../../services/common/engine/api/containers.ts";
import { createNetwork, removeNetwork } from "../../../../services/common/engine/api/networks.ts";
import { createVolume, removeVolume } from "../../../../services/common/engine/api/volumes.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { LABEL_TEST } from "../../../../services/common/engine/labels.ts";
import type { EngineChange, Tables } from "../../../../services/common/engine/observer/changes.ts";
import { listEverything } from "../../../../services/common/engine/observer/lists.ts";
import { EngineObserver } from "../../../../services/common/engine/observer/observer.ts";
import { type ContainerState, ENGINE_KINDS, type EngineKind } from "../../../../services/common/engine/state.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { sharedEngine, startEngine, type TestEngine } from "../../../support/engine.ts";
import { removeAll, testName, TEST_LABELS, until } from "./support.ts";

const SETTLE_TIMEOUT_MS = 60_000;
const log = pino({ level: "silent" });

/** What a listener that was there from the start knows. */
class Copy {
  readonly objects = new Map<string, unknown>();

  constructor(observer: EngineObserver) {
    observer.onChange((changes) => {
      for (const change of changes) this.#apply(change);
    });
  }

  #apply(change: EngineChange): void {
    const key = `${change.kind}/${change.id}`;
    assert.deepEqual(this.objects.get(key), change.previous, `what was before ${change.type} of ${key}`);
    if (change.type === "delete") assert.ok(this.objects.delete(key), `${key} was there`);
    else this.objects.set(key, change.object);
  }

  ofKind(kind: EngineKind): unknown[] {
    return [...this.objects].filter(([key]) => key.startsWith(`${kind}/`)).map(([, object]) => object);
  }
}

/** The engine's own word on everything, in the observer's form. */
async function listed(engine: Engine, observer: EngineObserver): Promise<Tables> {
  const known = Object.fromEntries(
    ENGINE_KINDS.map((kind) => [kind, new Map(observer.all(kind).map((object) => [object.id, object]))]),
  ) as unknown as Tables;
  return (await listEverything(engine, AbortSignal.timeout(SETTLE_TIMEOUT_MS)))(known);
}

describe("engine observer", () => {
  let engine: Engine;
  let observer: EngineObserver;
  let copy: Copy;
  let running: Promise<void>;
  const stop = new AbortController();

  before(async () => {
    engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
    observer = new EngineObserver({ engine, log });
    copy = new Copy(observer);
    running = observer.run(stop.signal);
    await observer.live(AbortSignal.timeout(SETTLE_TIMEOUT_MS));
  });
  after(async () => {
    stop.abort();
    await running;
    await removeAll(engine);
    engine.close();
  });

  const mine = (containers: Iterable<ContainerState>): ContainerState[] =>
    [...containers].filter(({ labels }) => labels[LABEL_TEST] === TEST_LABELS[LABEL_TEST]);

  test("shows each state of a container's life, with the details of an inspect", async () => {
    const seen: string[] = [];
    const name = testName();
    const unlisten = observer.onChange((changes) => {
      for (const change of changes) {
        if (change.kind !== "container" || (change.type === "put" ? change.object : change.previous).name !== name)
          continue;
        const state = change.type === "delete" ? "gone" : change.object.state;
        if (seen.at(-1) !== state) seen.push(state);
      }
    });
    const { Id } = await createContainer(engine, name, { Image: BUSYBOX, Cmd: ["sleep", "60"], Labels: TEST_LABELS });
    await startContainer(engine, Id);
    await until(() => observer.get("container", Id)?.addresses.some(({ ipv4 }) => ipv4 !== "") === true, {
      what: "an address",
      timeoutMs: 5_000,
    });
    assert.ok(observer.get("container", Id)!.pid > 0);
    await pauseContainer(engine, Id);
    await unpauseContainer(engine, Id);
    await killContainer(engine, Id, "SIGKILL");
    await until(() => observer.get("container", Id)?.finishTime !== undefined, {
      what: "the end's time",
      timeoutMs: 5_000,
    });
    assert.equal(observer.get("container", Id)!.exitCode, 137);
    await removeContainer(engine, Id);
    await until(() => observer.get("container", Id) === undefined, { what: "its removal", timeoutMs: 5_000 });
    unlisten();
    assert.deepEqual(seen, ["created", "running", "paused", "running", "exited", "gone"]);
  });

  test("networks and volumes come and go", async () => {
    const name = testName();
    const { Id } = await createNetwork(engine, { Name: name, Labels: TEST_LABELS });
    await createVolume(engine, { Name: name, Labels: TEST_LABELS });
    try {
      await until(() => (observer.get("network", Id)?.subnets.length ?? 0) > 0, {
        what: "the network",
        timeoutMs: 5_000,
      });
      await until(() => (observer.get("volume", name)?.mountpoint ?? "") !== "", {
        what: "the volume",
        timeoutMs: 5_000,
      });
      assert.equal(observer.get("network", Id)!.name, name);
      assert.deepEqual(observer.get("volume", name)!.labels, TEST_LABELS);
    } finally {
      await removeNetwork(engine, Id);
      await removeVolume(engine, name);
    }
    const gone = (): boolean => !observer.get("network", Id) && !observer.get("volume", name);
    await until(gone, { what: "their removal", timeoutMs: 5_000 });
  });

  test("after a hundred containers came, changed and went, what it shows is what the engine lists", async () => {
    const lives = Array.from({ length: 100 }, async (_, i) => {
      const { Id } = await createContainer(engine, testName(), {
        Image: BUSYBOX,
        Cmd: ["sleep", "60"],
        Labels: TEST_LABELS,
        HostConfig: { NetworkMode: "none" },
      });
      if (i % 4 !== 0) await startContainer(engine, Id);
      if (i % 4 === 2) await killContainer(engine, Id, "SIGKILL");
      if (i % 4 === 3) await removeContainer(engine, Id);
    });
    await Promise.all(lives);
    await until(
      async () => {
        await observer.settled();
        const truth = mine((await listed(engine, observer)).container.values());
        return JSON.stringify(sorted(truth)) === JSON.stringify(sorted(mine(observer.all("container"))));
      },
      { what: "the observer to agree with the engine", timeoutMs: SETTLE_TIMEOUT_MS },
    );
    const shown = mine(observer.all("container"));
    assert.equal(shown.length, 75);
    assert.ok(shown.every(({ detailed }) => detailed));
    assert.deepEqual(sorted(mine(copy.ofKind("container") as ContainerState[])), sorted(shown));
  });
});

function sorted(containers: readonly ContainerState[]): ContainerState[] {
  return containers.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

describe("engine observer when its engine goes away", () => {
  let daemon: TestEngine;
  let engine: Engine;
  let observer: EngineObserver;
  let copy: Copy;
  let running: Promise<void>;
  const states: string[] = [];
  const stop = new AbortController();

  before(async () => {
    daemon = await startEngine();
    engine = new Engine({ socketPath: daemon.socketPath });
    observer = new EngineObserver({ engine, log });
    copy = new Copy(observer);
    observer.onStatus(({ state }) => states.push(state));
    running = observer.run(stop.signal);
    await observer.live(AbortSignal.timeout(SETTLE_TIMEOUT_MS));
  });
  after(async () => {
    stop.abort();
    await running;
    engine.close();
    await daemon.stop();
  });

  test("says so, connects again and shows only what has changed meanwhile", async () => {
    const sleeper = { Image: BUSYBOX, Cmd: ["sleep", "600"], Labels: TEST_LABELS };
    const [kept, killed] = [
      await createContainer(engine, testName(), sleeper),
      await createContainer(engine, testName(), sleeper),
    ];
    await startContainer(engine, kept.Id);
    await startContainer(engine, killed.Id);
    await until(
      () => observer.get("container", killed.Id)?.detailed === true && observer.get("container", killed.Id)!.pid > 0,
      { what: "both to run", timeoutMs: 10_000 },
    );
    await observer.settled();
    const { pid } = observer.get("container", killed.Id)!;
    const before = copy.objects.get(`container/${kept.Id}`);

    await daemon.kill("dockerd");
    await until(() => observer.status.state === "stale", {
      what: "the observer to be stale",
      timeoutMs: 10_000,
    });
    assert.equal(observer.all("container").length, 2, "what was known is kept");
    assert.match(observer.status.message, /engine/);
    // Nobody tells the engine, nobody tells the observer.
    process.kill(pid, "SIGKILL");
    await daemon.start();
    await observer.live(AbortSignal.timeout(SETTLE_TIMEOUT_MS));
    await until(() => observer.get("container", killed.Id)?.state === "exited", {
      what: "the dead container",
      timeoutMs: 20_000,
    });
    await observer.settled();
    assert.deepEqual(copy.objects.get(`container/${kept.Id}`), before, "what lived through it is unchanged");
    assert.ok(states.includes("stale") && states.at(-1) === "live", states.join(" "));
    assert.ok(states.lastIndexOf("resyncing") > states.indexOf("stale"), states.join(" "));
  });

  test("follows again: what happens after the reconnect is shown", async () => {
    const { Id } = await createContainer(engine, testName(), { Image: BUSYBOX, Cmd: ["true"], Labels: TEST_LABELS });
    await until(() => observer.get("container", Id)?.state === "created", {
      what: "the new container",
      timeoutMs: 5_000,
    });
    await removeContainer(engine, Id);
    await until(() => observer.get("container", Id) === undefined, { what: "its removal", timeoutMs: 5_000 });
  });

  test("ten deaths in a row leave it as the engine is", async () => {
    for (let round = 0; round < 10; round += 1) {
      await daemon.kill("dockerd");
      await daemon.start();
      if (round % 3 === 0)
        await createContainer(engine, testName(), { Image: BUSYBOX, Cmd: ["true"], Labels: TEST_LABELS });
    }
    await observer.live(AbortSignal.timeout(SETTLE_TIMEOUT_MS));
    await waitUntil(
      async () => {
        await observer.settled();
        const truth = await listed(engine, observer);
        for (const kind of ENGINE_KINDS) {
          const shown = copy.ofKind(kind).map((object) => [(object as { id: string }).id, object] as const);
          assert.deepEqual(new Map(shown), truth[kind]);
        }
        return true;
      },
      { what: "the observer to agree with the engine", timeoutMs: SETTLE_TIMEOUT_MS },
    );
  });
});
