import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { HostState } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { InstanceState, InstanceStatus } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { idOf } from "../../common/names/resource-names.ts";
import { acquireLease } from "../../common/redis/lease.ts";
import type { Fence, Store } from "../../common/store/api.ts";
import { setCondition } from "../../common/observe/condition.ts";
import { hostKind, instanceKind } from "../kinds.ts";
import { CONDITION_CONTAINER_RUNNING } from "../observe/instance-status.ts";
import { areAlive, HEARTBEAT_INTERVAL_MS } from "./heartbeat.ts";
import { CONDITION_HOST_ALIVE } from "./host-status.ts";

const LEASE_TTL_MS = 6_000;
export const CHECK_INTERVAL_MS = 1_000;
/** After a start (of this process or of Redis) every living host gets the time to be heard. */
const GRACE_MS = HEARTBEAT_INTERVAL_MS + 1_000;
const RETRY_DELAY_MS = 1_000;

export interface LostHostsOptions {
  store: Store;
  redis: Redis;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Marks hosts whose heartbeat ended as LOST, and the instances on them. Every compute process stands by; the one that holds the lease does
 * it, and its writes carry the lease as fence.
 */
export async function markLostHosts(options: LostHostsOptions): Promise<void> {
  const { store, redis, log, signal } = options;
  while (!signal.aborted) {
    try {
      const key = `${store.prefix}:lease:lost-hosts`;
      const lease = await acquireLease({ redis, key, ttlMs: LEASE_TTL_MS, signal });
      const held = AbortSignal.any([signal, lease.lost]);
      try {
        await delay(GRACE_MS, undefined, { signal: held });
        for (;;) {
          await checkHosts(options, lease);
          await delay(CHECK_INTERVAL_MS, undefined, { signal: held });
        }
      } finally {
        await lease.release();
      }
    } catch (error) {
      if (signal.aborted) return;
      log.debug({ err: error }, "the watch over lost hosts begins anew");
      await delay(RETRY_DELAY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function checkHosts({ store, redis, log }: LostHostsOptions, fence: Fence): Promise<void> {
  const hosts: { name: string; lost: boolean }[] = [];
  for await (const { meta, status } of store.all(hostKind)) {
    hosts.push({ name: meta!.name, lost: status?.state === HostState.HOST_STATE_LOST });
  }
  const ids = hosts.map(({ name }) => idOf(name));
  const alive = await areAlive(redis, store.prefix, ids);
  for (const [index, { name, lost }] of hosts.entries()) {
    if (alive[index] || lost) continue;
    await store.mutate(
      hostKind,
      name,
      (host, tx) => {
        if (!host.status || host.status.state === HostState.HOST_STATE_LOST) return false;
        host.status.state = HostState.HOST_STATE_LOST;
        const condition = { reason: "HeartbeatEnded", message: "nothing has been heard of the host for 7 s" };
        const status = ConditionStatus.CONDITION_STATUS_FALSE;
        setCondition(host.status.conditions, { type: CONDITION_HOST_ALIVE, status, ...condition }, tx.now);
        return undefined;
      },
      { fence },
    );
    log.warn({ host: ids[index] }, "host is lost: its heartbeat has ended");
    await markInstances(store, ids[index]!, fence);
  }
}

/** What a lost host ran is LOST until it is heard of again, and writes what it observes. */
async function markInstances(store: Store, host: string, fence: Fence): Promise<void> {
  for await (const { meta } of store.all(instanceKind)) {
    if (meta?.host !== host) continue;
    await store.mutate(
      instanceKind,
      meta.name,
      (instance, tx) => {
        if (instance.meta?.uid !== meta.uid || instance.meta.host !== host) return false;
        instance.status ??= InstanceStatus.fromPartial({});
        if (instance.status.state === InstanceState.INSTANCE_STATE_DELETING) return false;
        instance.status.state = InstanceState.INSTANCE_STATE_LOST;
        const condition = { reason: "HostLost", message: `nothing is heard of host ${host}` };
        const status = ConditionStatus.CONDITION_STATUS_UNKNOWN;
        setCondition(instance.status.conditions, { type: CONDITION_CONTAINER_RUNNING, status, ...condition }, tx.now);
        return undefined;
      },
      { fence },
    );
  }
}
