import { listContainers } from "../api/containers.ts";
import { listImages } from "../api/images.ts";
import { listNetworks } from "../api/networks.ts";
import { listVolumes } from "../api/volumes.ts";
import type { Engine } from "../engine.ts";
import { containerFromList, imageFromList, networkFromInspect, volumeFromInspect } from "../state.ts";
import { emptyTables, type Tables } from "./changes.ts";

export const LIST_TIMEOUT_MS = 60_000;

/** Asks for everything; the function it resolves to makes the tables, with what is known by then where a list says less. */
export async function listEverything(engine: Engine, signal: AbortSignal): Promise<(known: Tables) => Tables> {
  const limits = { signal, timeoutMs: LIST_TIMEOUT_MS };
  const [containers, images, networks, volumes] = await Promise.all([
    listContainers(engine, {}, limits),
    listImages(engine, limits),
    listNetworks(engine, limits),
    listVolumes(engine, limits),
  ]);
  return (known) => {
    const tables = emptyTables();
    for (const raw of containers) {
      const state = containerFromList(raw, known.container.get(raw.Id));
      tables.container.set(state.id, state);
    }
    for (const raw of images) tables.image.set(raw.Id, imageFromList(raw));
    for (const raw of networks) tables.network.set(raw.Id, networkFromInspect(raw));
    for (const raw of volumes) tables.volume.set(raw.Name, volumeFromInspect(raw));
    return tables;
  };
}
