import { randomBytes } from "node:crypto";
import { listContainers, removeContainer } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { KIND_PROBE, LABEL_KIND } from "../../common/engine/labels.ts";

/** This process's part of the names: what bears another's was left behind. */
const OWN = randomBytes(4).toString("hex");
const CALL_TIMEOUT_MS = 30_000;

/** Labels of a container that an image is looked into with. */
export const IMAGE_CONTAINER_LABELS = { [LABEL_KIND]: KIND_PROBE };

/** For a container that an image is looked into with, and that is removed at once: a name, so that this can be done also when the answer to its creation did not come. */
export function imageContainerName(host: string): string {
  return `${prefixOf(host)}${OWN}-${randomBytes(8).toString("hex")}`;
}

/** Removes those that earlier processes of this host were killed with. Returns their names. */
export async function removeLeftImageContainers(engine: Engine, host: string): Promise<string[]> {
  const prefix = prefixOf(host);
  const limits = { timeoutMs: CALL_TIMEOUT_MS };
  const label = [`${LABEL_KIND}=${KIND_PROBE}`];
  const names = (await listContainers(engine, { label }, limits)).map(({ Names }) => Names[0]?.slice(1) ?? "");
  const left = names.filter((name) => name.startsWith(prefix) && !name.startsWith(`${prefix}${OWN}-`));
  for (const name of left) await removeContainer(engine, name, limits);
  return left;
}

/** With a dot at its end, which no host's id has: none is the beginning of another's. */
function prefixOf(host: string): string {
  return `gantry-image-${host}.`;
}
