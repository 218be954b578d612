import assert from "node:assert/strict";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import type { InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { removeImage } from "../../../services/common/engine/api/images.ts";
import { removeNetwork } from "../../../services/common/engine/api/networks.ts";
import { formatName, HOST } from "../../../services/common/names/resource-names.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { readMetadata } from "../../../services/common/jobs/metadata.ts";
import { BUSYBOX } from "../../images/images.ts";
import { addMadeUpGpus, type MadeUpGpus } from "../../support/made-up-gpus.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../support/registry.ts";
import { killRound, RESUME_MS_MAX } from "./kill-round.ts";
import { Scene, type Victim } from "./scene.ts";
import { assertWhole } from "./whole.ts";

const NETWORK = "gantry";
/** Of a creation for which the host has nothing yet. What an inner engine needs is not among them. */
const STEPS = [
  "pull-image",
  "ensure-network",
  "reserve",
  "create-container",
  "put-files",
  "start-container",
  "user-data",
];
/** Those that a creation skips where image, network and address are there, and there is nothing to put in or to run. */
const COLD_STEPS = ["pull-image", "ensure-network", "reserve", "put-files", "user-data"];
const LAYER_BYTES = 64 * 1024;
/** Takes a moment to pull. */
const BIG_LAYER_BYTES = 24 * 1024 ** 2;
const USER_DATA = "sleep 1";
const SEEN_MS_MAX = 15_000;
const MEMORY_BYTES = 64n << 20n;

interface Cold {
  scene: Scene;
  registry: TestRegistry;
  gpus: MadeUpGpus;
}

/** Creations with an image that the host lacks, no network, a device and user data: a kill at each step that others do not have. */
export async function killColdSteps(victim: Victim): Promise<void> {
  await using registry = await startRegistry();
  await using gpus = await addMadeUpGpus(1);
  await using scene = await Scene.start();
  const cold: Cold = { scene, registry, gpus };
  await waitUntil(() => gpusAreKnown(cold), { what: "the host's devices", timeoutMs: SEEN_MS_MAX });
  assert.deepEqual(await stepsLeftInPeace(cold), STEPS);
  for (const step of COLD_STEPS) {
    const id = `cold-${victim}-${step}`;
    const spec = await prepare(cold, id, step === "pull-image" ? BIG_LAYER_BYTES : LAYER_BYTES);
    const round = { verb: "create", victim, ids: [id], staggerMs: 0, memoryBytes: MEMORY_BYTES, spec } as const;
    try {
      const { hit } = await killRound(scene, { ...round, moment: { step }, againAfterMs: undefined });
      assert.ok(hit.includes(step), `the kill hit ${hit.join(", ")}`);
    } catch (error) {
      throw new Error(`${victim} in ${step}\n${await scene.complaints()}`, { cause: error });
    }
    assert.deepEqual((await scene.get(id)).status?.gpus, [`${gpus.kind}=0`]);
    await remove(scene, id, spec);
  }
}

async function gpusAreKnown({ scene, gpus }: Cold): Promise<true> {
  const { compute, settings, platform } = scene;
  const host = await call(compute, "getHost", { name: formatName(HOST, { host: platform.hostName }) }, settings);
  assert.ok(host.status?.gpus.some(({ kind }) => kind === gpus.kind));
  return true;
}

async function stepsLeftInPeace(cold: Cold): Promise<string[]> {
  const { scene } = cold;
  const steps = new Set<string>();
  const stop = scene.onOperation((record) => {
    const { step } = readMetadata(record);
    if (record.job === "create-instance" && step !== "") steps.add(step);
  });
  const id = "cold-reference";
  const spec = await prepare(cold, id, LAYER_BYTES);
  const operation = await scene.ended((await scene.create(id, spec)).name, RESUME_MS_MAX);
  assert.equal(operation.result?.$case, "response", JSON.stringify(operation.result));
  await assertWhole(scene);
  stop();
  await remove(scene, id, spec);
  return [...steps];
}

/** The host has neither image nor network, and knows it. */
async function prepare(cold: Cold, id: string, layerBytes: number): Promise<Partial<InstanceSpec>> {
  const { scene, registry, gpus } = cold;
  const image = await pushImage(scene.engine, registry, { name: `${id}:1`, from: BUSYBOX, layerBytes: [layerBytes] });
  await removeNetwork(scene.engine, NETWORK);
  await waitUntil(async () => areSeenGone(scene, image), {
    what: "the end of image and network",
    timeoutMs: SEEN_MS_MAX,
  });
  return { image, userData: USER_DATA, gpus: [{ kind: gpus.kind, count: 1, ids: [], shared: false }] };
}

function areSeenGone(scene: Scene, image: string): true | undefined {
  const { replica } = scene.mirrors[0]!.client;
  const origin = `docker/${scene.platform.hostName}`;
  if (replica.get(`${origin}/EngineNetwork/${NETWORK}`) !== undefined) return undefined;
  const tags = [...replica.items()].flatMap(({ k, d }) =>
    k.startsWith(`${origin}/Image/`) ? ((d as { tags?: string[] }).tags ?? []) : [],
  );
  return tags.includes(image) ? undefined : true;
}

async function remove(scene: Scene, id: string, { image }: Partial<InstanceSpec>): Promise<void> {
  const operation = await scene.ended((await scene.remove(id)).name, RESUME_MS_MAX);
  assert.equal(operation.result?.$case, "response", JSON.stringify(operation.result));
  await assertWhole(scene);
  await removeImage(scene.engine, image!);
}
