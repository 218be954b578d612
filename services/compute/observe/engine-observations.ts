import { Container, EngineNetwork, EngineVolume, Image } from "../../../proto/gen/gantry/compute/v1/engine.ts";
import { LABEL_NAME, otherRealmOf } from "../../common/engine/labels.ts";
import type { EngineChange } from "../../common/engine/observer/changes.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import {
  type ContainerState,
  ENGINE_KINDS,
  type EngineKind,
  type EngineStates,
  type ImageState,
  type NetworkState,
  type VolumeState,
} from "../../common/engine/state.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { type Observation, observationName, type ObservationSet } from "../../common/watch/observations.ts";

export const KIND_OF = {
  container: "Container",
  image: "Image",
  network: "EngineNetwork",
  volume: "EngineVolume",
} as const satisfies Record<EngineKind, string>;

export interface EngineObservationsOptions {
  /** Host id. */
  host: string;
  /** Id of the realm. */
  realm: string;
  observer: EngineObserver;
  /** Its origin is `docker/<host>`. */
  set: ObservationSet;
}

/** Shows what the host's engine has as observations. Begin before the observer runs. Returns the way to stop. */
export function showEngine({ host, realm, observer, set }: EngineObservationsOptions): () => void {
  const shown = new Shown({ host, realm }, set);
  const stops = [
    observer.onChange((changes) => {
      for (const change of changes) shown.apply(change);
    }),
    observer.onStatus(({ state, message }) => set.setStatus(state, message)),
  ];
  for (const kind of ENGINE_KINDS) {
    for (const object of observer.all(kind)) shown.put(kind, object);
  }
  set.setStatus(observer.status.state, observer.status.message);
  return () => {
    for (const stop of stops) stop();
  };
}

interface Item {
  name: string;
  bytes: Uint8Array;
}

class Shown {
  readonly #place: Place;
  readonly #set: ObservationSet;
  /** By kind and id. */
  readonly #items = new Map<string, Item>();
  /** Kind and id by observation name. */
  readonly #owners = new Map<string, string>();
  #version = 0;

  constructor(place: Place, set: ObservationSet) {
    this.#place = place;
    this.#set = set;
  }

  apply(change: EngineChange): void {
    if (change.type === "delete") this.#delete(`${change.kind}/${change.id}`);
    else this.put(change.kind, change.object);
  }

  put<K extends EngineKind>(kind: K, object: EngineStates[K]): void {
    const key = `${kind}/${object.id}`;
    const view = viewOf(kind, object, this.#place);
    const name = this.#nameFor(key, kind, view.id, object.id);
    const known = this.#items.get(key);
    if (known?.name === name && Buffer.from(known.bytes).equals(view.bytes)) return;
    if (known && known.name !== name) this.#delete(key);
    this.#items.set(key, { name, bytes: view.bytes });
    this.#owners.set(name, key);
    const { typeName, bytes, labels, project } = view;
    this.#set.put({
      kind: KIND_OF[kind],
      name,
      version: String((this.#version += 1)),
      labels,
      project,
      typeName,
      bytes,
    });
  }

  #delete(key: string): void {
    const known = this.#items.get(key);
    if (!known) return;
    this.#items.delete(key);
    // A name passes on when one container is renamed before the other is gone.
    if (this.#owners.get(known.name) !== key) return;
    this.#owners.delete(known.name);
    this.#set.delete(known.name);
  }

  /** Engines allow two networks of one name: the later gets its id behind the name. */
  #nameFor(key: string, kind: EngineKind, id: string, engineId: string): string {
    const name = observationName(this.#set.origin, KIND_OF[kind], id);
    const owner = this.#owners.get(name);
    return owner === undefined || owner === key ? name : `${name}@${engineId.slice(0, 12)}`;
  }
}

type Place = Pick<EngineObservationsOptions, "host" | "realm">;

interface View extends Pick<Observation, "typeName" | "bytes" | "labels" | "project"> {
  /** Last part of the observation's name. */
  id: string;
}

function viewOf<K extends EngineKind>(kind: K, object: EngineStates[K], place: Place): View {
  switch (kind) {
    case "container":
      return containerView(object as ContainerState, place);
    case "image":
      return imageView(object as ImageState, place);
    case "network":
      return networkView(object as NetworkState, place);
    default:
      return volumeView(object as VolumeState, place);
  }
}

/** Name of the resource that a thing belongs to; empty: none of this realm, whose projects have no part in it. */
function ownerOf(labels: Readonly<Record<string, string>>, { realm }: Place): string {
  return otherRealmOf(labels, realm) === undefined ? (labels[LABEL_NAME] ?? "") : "";
}

function containerView(object: ContainerState, place: Place): View {
  const { host } = place;
  const owner = ownerOf(object.labels, place);
  const message: Container = {
    name: object.name,
    id: object.id,
    image: object.image,
    state: object.state,
    labels: object.labels,
    createTime: object.createTime,
    addresses: Object.fromEntries(
      object.addresses
        .filter(({ ipv4, ipv6 }) => ipv4 || ipv6)
        .map(({ network, ipv4, ipv6 }) => [network, ipv4 || ipv6]),
    ),
    ports: object.ports.map(({ hostIp, hostPort, port, protocol }) => {
      return `${hostIp.includes(":") ? `[${hostIp}]` : hostIp}:${hostPort}->${port}/${protocol}`;
    }),
    owner,
    exitCode: object.exitCode,
    host,
  };
  const bytes = Container.encode(message).finish();
  return {
    id: object.name,
    typeName: "gantry.compute.v1.Container",
    bytes,
    labels: object.labels,
    project: projectOf(owner),
  };
}

function imageView({ id, tags, digests, sizeBytes, createTime }: ImageState, { host }: Place): View {
  const bytes = Image.encode({ id, tags, digests, sizeBytes: BigInt(sizeBytes), createTime, host }).finish();
  return { id, typeName: "gantry.compute.v1.Image", bytes, labels: {}, project: "" };
}

function networkView({ id, name, driver, subnets, labels }: NetworkState, place: Place): View {
  const { host } = place;
  const bytes = EngineNetwork.encode({ name, id, driver, subnets, labels, host }).finish();
  const project = projectOf(ownerOf(labels, place));
  return { id: name, typeName: "gantry.compute.v1.EngineNetwork", bytes, labels, project };
}

function volumeView({ id, driver, mountpoint, labels }: VolumeState, place: Place): View {
  const { host } = place;
  const bytes = EngineVolume.encode({ name: id, driver, mountpoint, labels, host }).finish();
  const project = projectOf(ownerOf(labels, place));
  return { id, typeName: "gantry.compute.v1.EngineVolume", bytes, labels, project };
}
