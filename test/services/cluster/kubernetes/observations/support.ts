import { waitUntil } from "../../../../../deploy/local/process/wait-until.ts";
import { OriginStatus, type OriginState, WatchResponse } from "../../../../../proto/gen/gantry/common/v1/watch.ts";
import type { KubernetesClient } from "../../../../../services/cluster/kubernetes/client.ts";
import type { ObservationSet, ObservedItem } from "../../../../../services/common/watch/observations.ts";

const WAIT_MS = 20_000;

const STATUS_NAMES: Record<number, string> = {
  [OriginStatus.ORIGIN_STATUS_LIVE]: "live",
  [OriginStatus.ORIGIN_STATUS_RESYNCING]: "resyncing",
  [OriginStatus.ORIGIN_STATUS_STALE]: "stale",
};

/** What an observer of a set is told, and what it holds because of it. Throws where it is told what it knows. */
export class Told {
  readonly items = new Map<string, ObservedItem>();
  readonly changes: string[] = [];
  readonly origins: string[] = [];
  message = "";
  readonly #set: ObservationSet;

  constructor(set: ObservationSet) {
    this.#set = set;
    for (const item of set.items()) this.items.set(item.header.name, item);
    set.subscribe({
      onItem: (before, after) => this.#onItem(before, after),
      onOrigin: (state) => this.#onOrigin(state),
    });
    this.#onOrigin(set.origins()[0]!);
  }

  get state(): string {
    return this.origins.at(-1)!;
  }

  /** The bytes of the object with that name below the origin. */
  bytes(name: string): Uint8Array | undefined {
    const item = this.items.get(`${this.#set.origin}/${name}`);
    return item && WatchResponse.decode(item.put).events[0]!.object!.value;
  }

  async until(what: string, check: () => boolean, timeoutMs = WAIT_MS): Promise<void> {
    await waitUntil(async () => (check() ? true : undefined), { what, timeoutMs, intervalMs: 10 });
  }

  async untilState(state: string): Promise<void> {
    await this.until(`origin ${state} (is ${this.state}: ${this.message})`, () => this.state === state);
  }

  #onItem(before: ObservedItem | undefined, after: ObservedItem | undefined): void {
    const { name } = (after ?? before)!.header;
    if (this.items.get(name) !== before) throw new Error(`${name} was changed from what was not told`);
    if (after && before && after.put.equals(before.put)) throw new Error(`${name} is told twice`);
    if (after) this.items.set(name, after);
    else this.items.delete(name);
    this.changes.push(`${after ? (before ? "change" : "add") : "remove"} ${name.slice(this.#set.origin.length + 1)}`);
  }

  #onOrigin(state: OriginState): void {
    this.origins.push(STATUS_NAMES[state.status]!);
    this.message = state.message;
  }
}

export async function makeNamespace(client: KubernetesClient, name: string): Promise<void> {
  await client.call("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
}

export function podOf(name: string, labels: Record<string, string> = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels },
    spec: { containers: [{ name: "main", image: "busybox:1.35", command: ["sleep", "1000"] }] },
  };
}

export async function makePod(client: KubernetesClient, namespace: string, name: string): Promise<void> {
  await client.call("POST", `/api/v1/namespaces/${namespace}/pods`, { body: podOf(name) });
}

export async function labelPod(
  client: KubernetesClient,
  namespace: string,
  name: string,
  value: string,
): Promise<void> {
  await client.call("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}`, {
    body: { metadata: { labels: { value } } },
    contentType: "application/merge-patch+json",
  });
}

export async function deletePod(client: KubernetesClient, namespace: string, name: string): Promise<void> {
  await client.call("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}`, { query: { gracePeriodSeconds: 0 } });
}
