import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { pack } from "tar-stream";
import { listContainers, removeContainer } from "../../../common/engine/api/containers.ts";
import { importImage, listImages, removeImage } from "../../../common/engine/api/images.ts";
import type { Engine } from "../../../common/engine/engine.ts";
import { KIND_PROBE, LABEL_KIND } from "../../../common/engine/labels.ts";
import { endOrphanShims } from "../../steps/orphan-shim.ts";
import { tinyProgram } from "./tiny-program.ts";

const REPOSITORY = "gantry.dev/probe";
/** No probe takes that long, its removal included: what is older was left behind by a process that was killed. */
const LEFTOVER_AGE_MS = 120_000;

export function isLeftover(createTimeMs: number): boolean {
  return Date.now() - createTimeMs > LEFTOVER_AGE_MS;
}

export function isProbeImage(tags: readonly string[]): boolean {
  return tags.some((tag) => tag.startsWith(`${REPOSITORY}:`));
}

/** Makes an image of one program that ends at once. Returns its reference. */
export async function makeProbeImage(engine: Engine, signal: AbortSignal): Promise<string> {
  const archive = pack();
  archive.entry({ name: "exit", mode: 0o755 }, tinyProgram(process.arch));
  archive.finalize();
  const reference = `${REPOSITORY}:${randomBytes(6).toString("hex")}`;
  const changes = ['CMD ["/exit"]', `LABEL ${LABEL_KIND}=${KIND_PROBE}`];
  await importImage(engine, reference, archive.pipe(new PassThrough()), changes, { signal });
  return reference;
}

/** Removes containers and images that rounds of probes left behind. */
export async function removeLeftovers(engine: Engine, signal: AbortSignal): Promise<void> {
  const label = `${LABEL_KIND}=${KIND_PROBE}`;
  for (const { Id, Created, State } of await listContainers(engine, { label: [label] }, { signal })) {
    if (!isLeftover(Created * 1000)) continue;
    if (State !== "running") await endOrphanShims(Id);
    await removeContainer(engine, Id, { signal });
  }
  for (const { RepoTags, Created, Labels } of await listImages(engine, { signal })) {
    if (Labels?.[LABEL_KIND] !== KIND_PROBE || !isLeftover(Created * 1000)) continue;
    for (const tag of RepoTags ?? []) await removeImage(engine, tag, { signal });
  }
}
