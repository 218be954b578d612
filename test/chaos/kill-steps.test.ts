import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { readMetadata } from "../../services/common/jobs/metadata.ts";
import { InnerEngine, InstanceState } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { BUSYBOX, DIND } from "../images/images.ts";
import { killColdSteps } from "./support/cold-creations.ts";
import { killRound, RESUME_MS_MAX, type Round, stepReached, type Verb } from "./support/kill-round.ts";
import { Scene, type Victim } from "./support/scene.ts";
import { assertWhole } from "./support/whole.ts";

const VICTIMS: readonly Victim[] = ["compute", "gateway", "redis", "engine"];
/** Operations on the way at each kill, begun one after the other, so that each kill hits them at different moments. */
const PER_ROUND = 3;
/** Each with a kill in a creation, a resize and a deletion. */
const ROUNDS = 8;
/** An inner engine takes its own time to start, on top of what a resumed operation may take. */
const INNER_ENGINE_MS_MAX = 90_000;
const SECOND_KILL_MS_MAX = 1_000;

interface Reference {
  /** Names of the steps, in order. */
  steps: string[];
  durationMs: number;
}

/** The same operation left in peace: which steps it has, and how long it takes. */
async function reference(scene: Scene, verb: Verb, id: string): Promise<Reference> {
  const steps = new Set<string>();
  const stop = scene.onOperation((record) => {
    const { step } = readMetadata(record);
    if (record.job === `${verb}-instance` && step !== "") steps.add(step);
  });
  const startMs = performance.now();
  const begin = {
    create: () => scene.create(id),
    resize: () => scene.resize(id, 96n << 20n),
    delete: () => scene.remove(id),
  };
  await scene.ended((await begin[verb]()).name, 30_000);
  const durationMs = performance.now() - startMs;
  await assertWhole(scene);
  stop();
  assert.ok(steps.size > 0, "no step was told");
  return { steps: [...steps], durationMs };
}

/** Instances are made, resized and deleted, with a kill at each step, and then with kills spread evenly over the time it takes. */
function* rounds(victim: Victim, made: Record<Verb, Reference>): Generator<Round> {
  for (let at = 0; at < ROUNDS; at++) {
    const ids = Array.from({ length: PER_ROUND }, (_, i) => `${victim}-${at}-${i}`);
    const spread = (verb: Verb): Round["moment"] => {
      const { steps: own, durationMs } = made[verb];
      // By name for each step, then evenly over the whole.
      const left = ROUNDS - own.length;
      return at < own.length ? { step: own[at]! } : { afterMs: (durationMs * (at - own.length + 1)) / (left + 1) };
    };
    const common = { victim, ids, memoryBytes: BigInt(80 + at) << 20n };
    const again = (n: number) => ((at + n) % 2 === 1 ? Math.random() * SECOND_KILL_MS_MAX : undefined);
    yield {
      ...common,
      verb: "create",
      moment: spread("create"),
      staggerMs: made.create.durationMs / 4,
      againAfterMs: again(0),
    };
    yield {
      ...common,
      verb: "resize",
      moment: spread("resize"),
      staggerMs: made.resize.durationMs / 4,
      againAfterMs: again(1),
    };
    yield {
      ...common,
      verb: "delete",
      moment: spread("delete"),
      staggerMs: made.delete.durationMs / 4,
      againAfterMs: again(0),
    };
  }
}

async function killEverywhere(context: TestContext, victim: Victim): Promise<void> {
  await using scene = await Scene.start();
  // The very first creation has more to do than those that follow.
  await reference(scene, "create", "first");
  const made = {
    create: await reference(scene, "create", "ref"),
    resize: await reference(scene, "resize", "ref"),
    delete: await reference(scene, "delete", "ref"),
  };
  const hits = new Map<string, number>();
  let slowestMs = 0;
  for (const round of rounds(victim, made)) {
    try {
      const { hit, resumeMs } = await killRound(scene, round);
      for (const step of hit) hits.set(`${round.verb}: ${step}`, (hits.get(`${round.verb}: ${step}`) ?? 0) + 1);
      slowestMs = Math.max(slowestMs, resumeMs);
    } catch (error) {
      throw new Error(`${JSON.stringify(round, bigints)}\n${await scene.complaints()}`, { cause: error });
    }
  }
  context.diagnostic(`steps hit: ${JSON.stringify(Object.fromEntries(hits))}`);
  context.diagnostic(
    `last end ${Math.round(slowestMs)} ms after ${victim} was back, at most; ${JSON.stringify(scene.watcher.counts)}`,
  );
  const all = (["create", "resize", "delete"] as const).flatMap((verb) =>
    made[verb].steps.map((step) => `${verb}: ${step}`),
  );
  assert.deepEqual(
    all.filter((step) => !hits.has(step)),
    [],
    "steps that no kill hit",
  );
}

/** With an engine of its own inside: kills while that is on its way. */
async function killInnerEngine(): Promise<void> {
  await using scene = await Scene.start({ images: [BUSYBOX, DIND] });
  const steps = ["create-container", "put-files", "start-container", "wait-ready"];
  for (const [at, victim] of VICTIMS.entries()) {
    const id = `inner-${victim}`;
    const reached = stepReached(scene, "create-instance", steps[at]!);
    const spec = { innerEngine: InnerEngine.INNER_ENGINE_ENABLED };
    const { name } = await scene.create(id, spec);
    await reached;
    await scene.kill(victim);
    await scene.restart(victim);
    const operation = await scene.ended(name, INNER_ENGINE_MS_MAX);
    assert.equal(operation.result?.$case, "response", `${victim}: ${JSON.stringify(operation.result)}`);
    await assertWhole(scene);
    const { status } = await scene.get(id);
    assert.equal(status?.state, InstanceState.INSTANCE_STATE_RUNNING, victim);
    assert.match(status.innerEngineVersion, /^\d+\./, victim);
    await scene.ended((await scene.remove(id)).name, RESUME_MS_MAX);
    await assertWhole(scene);
  }
}

const bigints = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

describe("kill -9 at every step", { concurrency: 2, timeout: 1_200_000 }, () => {
  for (const victim of VICTIMS) test(`of ${victim}`, (context) => killEverywhere(context, victim));
  for (const victim of VICTIMS) test(`of ${victim}, where everything is missing`, () => killColdSteps(victim));
  test("while an instance with an engine of its own is made", killInnerEngine);
});
