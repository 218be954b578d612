import type Docker from "dockerode";
import type { Logger } from "pino";
import { inspectContainer, removeContainer } from "../../common/engine/api/containers.ts";
import { findImage } from "../../common/engine/api/images.ts";
import { removeVolume } from "../../common/engine/api/volumes.ts";
import { isEngineNotFound, isEngineStatus } from "../../common/engine/errors.ts";
import {
  identityOf,
  KIND_INSTANCE,
  KIND_PROBE,
  KIND_VOLUME,
  type Identity,
  LABEL_KIND,
  otherRealmOf,
} from "../../common/engine/labels.ts";
import { Project, ProjectState } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { INSTANCE, matchName } from "../../common/names/resource-names.ts";
import type { StoreHandle } from "../../common/store/store.ts";
import type { HostTools } from "../host-tools.ts";
import { isLeftover, isProbeImage, removeLeftovers } from "../hosts/probes/probe-image.ts";
import { instanceKind, projectKind } from "../kinds.ts";
import { adoptedInstance } from "./adopt.ts";

export interface StraysOptions {
  tools: HostTools;
  store: StoreHandle;
  log: Logger;
}

/** A thing must have been a stray for that long: its record may be on its way. */
export const STRAY_GRACE_MS = 5_000;
const REMOVE_TIMEOUT_MS = 30_000;

/**
 * Things on the engine with Gantry's labels and no record. One whose record was deleted for sure (its tombstone is on this host) is
 * removed. One that nothing is known of is never removed: Redis and record files may have been lost, and with the container the
 * instance is back. What another realm made is not looked at. What the host's probes left behind goes too.
 */
export class Strays {
  readonly #options: StraysOptions;
  /** When each was first seen, by uid. */
  readonly #since = new Map<string, number>();

  constructor(options: StraysOptions) {
    this.#options = options;
  }

  /** True when something was seen for the first time: look again after STRAY_GRACE_MS. */
  async look(): Promise<boolean> {
    const known = new Set(this.#since.keys());
    const { observer, realm } = this.#options.tools;
    const seen = new Set<string>();
    for (const container of observer.all("container")) {
      if (otherRealmOf(container.labels, realm) !== undefined) continue;
      const identity = identityOf(container.labels);
      if (identity?.kind !== KIND_INSTANCE || !this.#isStray(identity, seen)) continue;
      await this.#settle(container.id, identity);
    }
    for (const volume of observer.all("volume")) {
      if (otherRealmOf(volume.labels, realm) !== undefined) continue;
      const identity = identityOf(volume.labels);
      if (identity?.kind !== KIND_VOLUME || !this.#isStray(identity, seen)) continue;
      if (this.#options.store.wasDeleted(identity.uid)) await this.#removeVolume(volume.id, identity);
    }
    for (const uid of this.#since.keys()) if (!seen.has(uid)) this.#since.delete(uid);
    if (this.#hasOldProbes()) await removeLeftovers(this.#options.tools.engine, AbortSignal.timeout(REMOVE_TIMEOUT_MS));
    return [...seen].some((uid) => !known.has(uid));
  }

  #hasOldProbes(): boolean {
    const { observer } = this.#options.tools;
    const old = (createTime: Date | undefined): boolean => createTime !== undefined && isLeftover(createTime.getTime());
    return (
      observer.all("container").some((each) => each.labels[LABEL_KIND] === KIND_PROBE && old(each.createTime)) ||
      observer.all("image").some((each) => isProbeImage(each.tags) && old(each.createTime))
    );
  }

  #isStray({ uid }: Identity, seen: Set<string>): boolean {
    if (this.#options.tools.catalog.byUid(uid)) return false;
    seen.add(uid);
    const now = performance.now();
    const since = this.#since.get(uid) ?? now;
    this.#since.set(uid, since);
    return now - since >= STRAY_GRACE_MS;
  }

  async #settle(id: string, identity: Identity): Promise<void> {
    const { store, tools, log } = this.#options;
    if (!store.wasDeleted(identity.uid)) return this.#adopt(id, identity);
    await removeContainer(tools.engine, id);
    await tools.tls.remove(identity.uid);
    log.warn({ target: identity.name, container: id }, "removed the container of an instance that was deleted");
  }

  async #removeVolume(name: string, identity: Identity): Promise<void> {
    const { tools, log } = this.#options;
    try {
      await removeVolume(tools.engine, name);
      log.warn({ target: identity.name, volume: name }, "removed the volume of an instance that was deleted");
    } catch (error) {
      // Its container goes first, in this round or the next.
      if (!isEngineStatus(error, 409)) throw error;
    }
  }

  #isInOwnNetwork({ NetworkSettings }: Docker.ContainerInspectInfo): boolean {
    const { observer, network, realm } = this.#options.tools;
    if (!(network.name in NetworkSettings.Networks)) return false;
    const found = [...observer.all("network")].find(({ name }) => name === network.name);
    return otherRealmOf(found?.labels, realm) === undefined;
  }

  async #adopt(id: string, identity: Identity): Promise<void> {
    const { store, tools, log } = this.#options;
    const parts = matchName(INSTANCE, identity.name);
    if (!parts) return;
    const container = await inspectContainer(tools.engine, id).catch((error: unknown) => {
      if (isEngineNotFound(error)) return undefined;
      throw error;
    });
    // One that does not say of which realm it is belongs to the realm that has the network.
    if (!container || !this.#isInOwnNetwork(container)) return;
    const image = await findImage(tools.engine, container.Image);
    const instance = adoptedInstance({ container, image, host: tools.host, network: tools.network.name });
    const adopted = await store.transact(
      async (tx) => {
        // Another instance has the name by now: the container stays as it is, for its owner to look at.
        if (await tx.get(instanceKind, identity.name)) return false;
        const project = `projects/${parts.project}`;
        if (!(await tx.get(projectKind, project))) {
          tx.create(
            projectKind,
            Project.fromPartial({ meta: { name: project }, status: { state: ProjectState.PROJECT_STATE_ACTIVE } }),
          );
        }
        tx.create(instanceKind, instance);
        return true;
      },
      { durable: true },
    );
    if (adopted)
      log.warn({ target: identity.name, container: id }, "took on the container of an instance without a record");
  }
}
