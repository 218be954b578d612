import type { Logger } from "pino";
import { matchOperationName } from "../names/operation-names.ts";
import type { Kind, Resource, Store } from "../store/api.ts";
import { operationKind, UNFINISHED_SET } from "./kind.ts";
import type { OperationIndex } from "./operation-index.ts";
import type { Queues } from "./queues.ts";
import { freeStaleClaims } from "./stale-claims.ts";

export interface SweeperOptions {
  store: Store;
  /** Kinds of the targets of operations. */
  kinds: ReadonlyMap<string, Kind<Resource>>;
  /** Id of this host. */
  host: string;
  queues: Queues;
  queue: string;
  index: OperationIndex;
  isRunning: (operation: string) => boolean;
  log: Logger;
}

/** Entries of the set taken out in one write. */
const CLEAN_BATCH = 500;

/**
 * Gives each unfinished operation of a queue a job again when it has none that a worker would take: the process ended between write
 * and queue, the queue's data was lost, or BullMQ gave the job up.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #logId = "";

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Returns how many jobs were added. */
  async sweep(): Promise<number> {
    const { store, queues, queue, index, isRunning } = this.#options;
    await this.#rescanIfRenewed();
    const members = await store.setMembers(UNFINISHED_SET);
    const candidates = new Set([...index.unfinished, ...members]);
    // Asked after the names were read: a job that is missing here was missing, or has ended since.
    const live = await queues.liveIds(queue);
    const over: string[] = [];
    let added = 0;
    for (const name of candidates) {
      const id = matchOperationName(name)?.id;
      if (id !== undefined && (live.has(id) || isRunning(name))) continue;
      const record = await store.get(operationKind, name);
      if (record === undefined || record.operation?.done || id === undefined) {
        index.forget(name);
        if (record) index.note(record);
        over.push(name);
      } else if (record.queue === queue && (await queues.revive(queue, id, record.job, name))) {
        added += 1;
      }
    }
    if (added > 0) this.#options.log.info({ queue, added }, "unfinished operations were given a job again");
    await this.#clean(over);
    return added;
  }

  /** A new log means that the records were rebuilt from files, and with them operations that no set knows. */
  async #rescanIfRenewed(): Promise<void> {
    const { store, index, kinds, host, log } = this.#options;
    const { logId } = await store.list(operationKind, { pageSize: 1 });
    if (logId === this.#logId) return;
    await index.scan();
    const freed = await freeStaleClaims(store, kinds.values(), host);
    if (freed > 0) log.warn({ freed }, "resources that named operations which are over were freed");
    this.#logId = logId;
  }

  async #clean(names: string[]): Promise<void> {
    for (let from = 0; from < names.length; from += CLEAN_BATCH) {
      const batch = names.slice(from, from + CLEAN_BATCH);
      await this.#options.store.transact(async (tx) => {
        for (const name of batch) tx.removeFromSet(UNFINISHED_SET, name);
      });
    }
  }
}
