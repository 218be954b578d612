import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { WatchRequest } from "../../proto/gen/gantry/common/v1/watch.ts";
import { ComputeServiceClient, ListMirrorsRequest } from "../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { servicePrefix, storeKeys } from "../../services/common/redis/keys.ts";
import { call, stream } from "../../services/common/rpc/client.ts";
import { trimLog } from "../../services/common/store/log/janitor.ts";
import { MirrorWatch } from "./support/mirror-watch.ts";
import { chaosConfig, Random } from "./support/random.ts";
import { PARENT, Scene, type Victim } from "./support/scene.ts";
import { Watcher } from "./support/watcher.ts";
import { assertWhole, listInstances } from "./support/whole.ts";
import { InstanceWriter, type Model, RecordWriter, type Writer } from "./support/writers.ts";

const TIME_MS = 60_000;
const PAUSE_MS_MIN = 300;
const PAUSE_MS_MAX = 2_500;
const WHOLE_TIMEOUT_MS = 30_000;
const OBSERVED = ["realm", PARENT];

/** What happens to the platform while it is written to, by how often. */
const DISTURBANCES = [
  "compute",
  "gateway",
  "redis",
  "compute, redis",
  "compute, trim",
  "gateway stops",
  "trim",
  "drop",
  "drop",
  "drop",
] as const;

class Disturber {
  readonly counts: Record<string, number> = {};
  readonly #scene: Scene;
  readonly #random: Random;
  readonly #observers: readonly MirrorWatch[];

  constructor(scene: Scene, random: Random, observers: readonly MirrorWatch[]) {
    this.#scene = scene;
    this.#random = random;
    this.#observers = observers;
  }

  async run(until: () => boolean): Promise<void> {
    // Each of them once, then as it comes.
    const first = [...new Set(DISTURBANCES)];
    while (!until()) {
      const what = first.shift() ?? this.#random.pick(DISTURBANCES);
      this.counts[what] = (this.counts[what] ?? 0) + 1;
      await this.#disturb(what);
      await delay(this.#random.between(PAUSE_MS_MIN, PAUSE_MS_MAX));
    }
  }

  async #disturb(what: (typeof DISTURBANCES)[number]): Promise<void> {
    const { platform } = this.#scene;
    switch (what) {
      case "trim":
        return this.#trim();
      case "drop":
        return this.#random.pick(this.#observers).client.drop();
      case "gateway stops":
        await platform.shutDown("gateway");
        await delay(this.#random.between(0, 500));
        return platform.start("gateway");
      case "compute, trim":
        await platform.kill("compute");
        await this.#trim();
        return platform.start("compute");
      default: {
        const victims = what.split(", ") as Victim[];
        await Promise.all(victims.map((victim) => this.#scene.kill(victim)));
        await delay(this.#random.between(0, 500));
        for (const victim of victims.toReversed()) await this.#scene.restart(victim);
      }
    }
  }

  /** Whoever is not up with the log by now must begin anew. */
  async #trim(): Promise<void> {
    await this.trim(Math.floor(this.#random.between(0, 5)));
  }

  async trim(entriesMax: number): Promise<void> {
    const limits = { entriesMax, bytesMax: 1e9, ageMaxMs: 1e9 };
    await trimLog(this.#scene.redis, storeKeys(servicePrefix("compute")), limits, Date.now());
  }
}

/** An instance and the operation that runs on it are written together: whoever sees one without the other has seen half a write. */
function halfWritten(watcher: Watcher): string | undefined {
  for (const { name, bytes } of watcher.ofKind("Instance")) {
    const operation = Instance.decode(bytes).meta!.operation;
    if (operation === "") continue;
    const record = watcher.operation(operation);
    if (!record || record.operation?.done) return `${name} has ${operation}, which is ${record ? "done" : "not there"}`;
  }
  return undefined;
}

async function found(scene: Scene): Promise<Model> {
  const { compute, settings } = scene;
  const page = { pageSize: 1_000, pageToken: "", labelSelector: "" };
  const { projects } = await call(compute, "listProjects", page, settings);
  const mirrors = await call(
    compute,
    "listMirrors",
    ListMirrorsRequest.fromPartial({ ...page, parent: "projects/-" }),
    settings,
  );
  const labelled = [...mirrors.mirrors, ...(await listInstances(scene))];
  return new Map([
    ...projects
      .filter(({ meta }) => meta!.name !== PARENT)
      .map(({ meta, spec }): [string, string] => [meta!.name, spec?.displayName ?? ""]),
    ...labelled.map(({ meta }): [string, string] => [meta!.name, meta!.labels["value"] ?? ""]),
  ]);
}

const sorted = (model: Model): [string, string][] => [...model].sort(([a], [b]) => (a < b ? -1 : 1));

test(
  "ordered, unique, without gap, whole, resumable; every observer right in the end",
  { timeout: 300_000 },
  async (context) => {
    const random = new Random(chaosConfig(process.env).seed);
    context.diagnostic(`GANTRY_CHAOS_SEED=${random.seed}`);
    await using scene = await Scene.start({ mirrors: OBSERVED });
    const writers: Writer[] = [
      new RecordWriter(scene, random.fork(), "w0"),
      new RecordWriter(scene, random.fork(), "w1"),
      new RecordWriter(scene, random.fork(), "w2"),
      new InstanceWriter(scene, random.fork()),
    ];
    // A second one of each mirror, and all the way through the one address.
    const others = OBSERVED.map((name) => new MirrorWatch(name, scene.platform.mirror(name)));
    await Promise.all(others.map(({ client }) => client.start()));
    const front = new Watcher({
      client: scene.platform.client(ComputeServiceClient),
      token: scene.platform.adminToken,
      check: halfWritten,
    });
    const observers = [...scene.mirrors, ...others];
    const begin = scene.watcher.revision;
    const disturber = new Disturber(scene, random.fork(), observers);
    const endMs = performance.now() + TIME_MS;
    let failed = false;
    const until = (): boolean => failed || performance.now() > endMs;
    try {
      await Promise.all(
        [...writers, disturber].map(async (each) => {
          await each.run(until).catch((error: unknown) => {
            failed = true;
            throw error;
          });
        }),
      );
      scene.mirrors.push(...others);
      await assertWhole(scene, WHOLE_TIMEOUT_MS);
      const acknowledged = new Map(writers.flatMap(({ model }) => [...model]));
      assert.deepEqual(sorted(await found(scene)), sorted(acknowledged), "what was acknowledged is what is there");
      await frontIsRight(scene, front);
      for (const [at, mirror] of others.entries()) {
        assert.equal(
          mirror.client.replica.digest,
          scene.mirrors[at]!.client.replica.digest,
          `two observers of ${mirror.name}`,
        );
      }
    } catch (error) {
      throw new Error(`seed ${random.seed}\n${await scene.complaints()}`, { cause: error });
    } finally {
      await front.close();
    }
    assert.ok(scene.watcher.counts.resumed > 0 && front.counts.resumed > 0, "streams went on where others had ended");
    await disturber.trim(0);
    const request = WatchRequest.fromPartial({ logId: scene.watcher.logId, since: begin });
    for await (const batch of stream(scene.compute, "watch", request, { token: scene.platform.adminToken })) {
      if (batch.logId === "" && !batch.reset) continue;
      assert.ok(batch.reset, "who is behind what the log keeps begins anew");
      break;
    }
    const writes = writers.reduce((sum, { count }) => sum + count, 0);
    context.diagnostic(
      JSON.stringify({ writes, ...disturber.counts, direct: scene.watcher.counts, front: front.counts }),
    );
  },
);

async function frontIsRight(scene: Scene, front: Watcher): Promise<void> {
  const { watcher } = scene;
  const endMs = performance.now() + WHOLE_TIMEOUT_MS;
  while (!(front.synced && front.revision === watcher.revision)) {
    assert.ok(performance.now() < endMs, `through the one address: ${front.revision} of ${watcher.revision}`);
    await delay(50);
  }
  assert.deepEqual(front.violations, []);
  const names = (of: Watcher): string[] =>
    [...of.records.values()].map(({ kind, name, bytes }) => `${kind} ${name} ${bytes.length}`).sort();
  assert.deepEqual(names(front), names(watcher));
}
