/** Prefix of everything a service keeps in Redis, BullMQ's keys included. The hash tag keeps it in one slot of a Redis Cluster. */
export function servicePrefix(service: string): string {
  return `{gantry:${service}}`;
}

/** Keys of a service's store. */
export interface StoreKeys {
  readonly prefix: string;
  /** Hash: `log_id`, `revision`, and `schema:<Kind>`, the newest layout ever written of a kind. */
  readonly meta: string;
  /** Stream: entry `<revision>-0` holds one field, whose name is the write's id and whose value is the write's events. */
  readonly log: string;
  /** Sorted set `<revision>` → time (ms): when the log had reached a revision; for trimming by age. */
  readonly ages: string;
  /** Sorted set `<revision>:<id>` → end (ms): revisions that running snapshots still need. */
  readonly snapshots: string;
  /** Sorted set uid → revision of deleted records: keeps a host that was away from bringing them back. */
  readonly gone: string;
  /** Hash uid → `<version in the file>:<version given>`: what hosts have put back since the log was renewed. */
  readonly restored: string;
  readonly janitor: string;
  /** Hash name → stored record. */
  records(kind: string): string;
  /** Sorted set of names, all with score 0: lists are ordered by it. */
  names(kind: string): string;
  set(name: string): string;
  request(key: string): string;
}

export function storeKeys(prefix: string): StoreKeys {
  return {
    prefix,
    meta: `${prefix}:meta`,
    log: `${prefix}:log`,
    ages: `${prefix}:log-ages`,
    snapshots: `${prefix}:log-snapshots`,
    gone: `${prefix}:gone`,
    restored: `${prefix}:restored`,
    janitor: `${prefix}:janitor`,
    records: (kind) => `${prefix}:r:${kind}`,
    names: (kind) => `${prefix}:n:${kind}`,
    set: (name) => `${prefix}:s:${name}`,
    request: (key) => `${prefix}:q:${key}`,
  };
}
