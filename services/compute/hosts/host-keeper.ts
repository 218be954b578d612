import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { type GpuDevice, Host, HostSpec, HostState, HostStatus } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Engine } from "../../common/engine/engine.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import { REFINE_DELAY_MS, Refiner } from "../../common/engine/observer/refiner.ts";
import { unavailable } from "../../common/errors/errors.ts";
import type { Store } from "../../common/store/api.ts";
import { deviceRequests } from "../gpu/device-requests.ts";
import { discoverGpus } from "../gpu/discover.ts";
import type { DeviceRequest } from "../instances/container-options.ts";
import type { InstanceCatalog } from "../instances/catalog.ts";
import { hostKind } from "../kinds.ts";
import { beat, type HeartbeatOptions, keepBeating } from "./heartbeat.ts";
import { type HostFacts, hostStatus } from "./host-status.ts";
import { readAddresses, readInventory } from "./inventory.ts";
import type { LimitsView } from "./limits-view.ts";
import { neighbourEndpoints, NEIGHBOURS_INTERVAL_MS } from "./neighbours.ts";
import { type ProbeKey, readBootId, readProbeCache, writeProbeCache } from "./probes/probe-cache.ts";
import { runProbes } from "./probes/run-probes.ts";

/** Kernel modules and tools come and go while a host is up. */
export const PROBE_INTERVAL_MS = 60 * 60 * 1000;
export const DEVICES_INTERVAL_MS = 60_000;
const RETRY_DELAY_MS = 1_000;
/** Instances come and go many at a time: what they take together is written once for all. Placement counts them itself. */
const ALLOCATED_DELAY_MS = 250;
const RECORD = "record";

export interface HostKeeperOptions {
  /** Host id. */
  host: string;
  store: Store;
  redis: Redis;
  dataDir: string;
  engine: Engine;
  limitsView: LimitsView;
  observer: EngineObserver;
  catalog: InstanceCatalog;
  /** gRPC addresses by which other hosts reach this process; those of the host's other services are added. */
  endpoints: Record<string, string>;
  /** True when Gantry started the engine for itself. */
  engineOwned: boolean;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Keeps the record of this host alive and true: heartbeat, what the host is made of, what it can do, what is placed on it. `register`
 * makes the record from what is known at once; what takes longer (probes, devices) is found out behind and added to it.
 */
export class HostKeeper {
  readonly name: string;
  readonly #options: HostKeeperOptions;
  readonly #heartbeat: HeartbeatOptions;
  readonly #facts: HostFacts;
  readonly #writes = new Refiner(() => this.#write());
  readonly #stops: (() => void)[] = [];
  #recorded: GpuDevice[] | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: HostKeeperOptions) {
    this.#options = options;
    this.name = `hosts/${options.host}`;
    this.#heartbeat = { ...options, prefix: options.store.prefix };
    this.#facts = {
      engine: options.observer.status,
      inventory: undefined,
      addresses: undefined,
      capabilities: undefined,
      gpus: undefined,
      endpoints: options.endpoints,
      instances: [],
    };
  }

  /** Folder on the file system that holds the engine's data, as far as it is known. */
  get diskPath(): string {
    return this.#facts.inventory?.diskPath ?? this.#options.dataDir;
  }

  /** The host's devices as last found, or as an earlier process recorded them; undefined until either is known. */
  devices(): readonly GpuDevice[] | undefined {
    return this.#facts.gpus?.devices ?? this.#recorded;
  }

  /**
   * How the engine is asked for these devices. FAILED_PRECONDITION GPU_NOT_FOUND when one is not there any more; UNAVAILABLE for a moment
   * after the start.
   */
  deviceRequests(ids: readonly string[]): DeviceRequest[] {
    if (ids.length === 0) return [];
    const devices = this.devices();
    if (!devices) throw unavailable("DEVICES_NOT_KNOWN", "the host's devices are still being looked for");
    return deviceRequests(ids, devices);
  }

  /** First heartbeat and record. The engine need not answer yet. */
  async register(): Promise<void> {
    const { store, host } = this.#options;
    this.#facts.addresses = await readAddresses();
    await beat(this.#heartbeat);
    await store.transact(
      async (tx) => {
        const known = await tx.get(hostKind, this.name);
        if (known) {
          this.#recorded = known.status?.gpus;
          return;
        }
        const record = Host.fromPartial({ spec: HostSpec.fromPartial({}), status: HostStatus.fromPartial({}) });
        tx.create(hostKind, { ...record, meta: { ...newMeta(), name: this.name, host } });
      },
      { durable: true },
    );
    await this.#writeRecord();
  }

  /** Keeps the record true until the signal aborts; never rejects. Call it once, after `register`. */
  async run(): Promise<void> {
    const { observer, catalog, store, host } = this.#options;
    this.#stops.push(
      observer.onStatus((status) => {
        this.#facts.engine = status;
        this.#writes.request(RECORD);
        if (status.state === "live") void this.refresh();
      }),
      catalog.onChange((instance) => {
        if (instance.meta?.host === host) this.#writes.request(RECORD, ALLOCATED_DELAY_MS);
      }),
      store.onChange((change) => {
        // Somebody took the host for lost: it is not.
        if (change.kind !== hostKind.name || change.name !== this.name) return;
        const lost = change.deleted || Host.decode(change.bytes).status?.state === HostState.HOST_STATE_LOST;
        if (lost) this.#writes.request(RECORD, REFINE_DELAY_MS);
      }),
    );
    this.#facts.engine = observer.status;
    if (observer.status.state === "live") void this.refresh();
    await Promise.all([
      keepBeating(this.#heartbeat),
      this.#repeat(DEVICES_INTERVAL_MS, () => this.#refreshDevices()),
      this.#repeat(NEIGHBOURS_INTERVAL_MS, () => this.#readNeighbours()),
      this.#probeHourly(),
    ]);
    for (const stop of this.#stops.splice(0)) stop();
    this.#writes.clear();
  }

  /** Finds everything out anew and writes the record; one at a time. Resolves when it is written. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const { engine, signal, log, dataDir, engineOwned } = this.#options;
    try {
      this.#facts.inventory = await readInventory(engine, { dataDir, engineOwned, signal });
      this.#facts.capabilities ??= await readProbeCache(this.#cachePath, await this.#probeKey());
      await this.#writeRecord();
      await this.#refreshDevices();
      await this.#probe();
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "the host could not be looked at whole; it is tried again");
    }
  }

  async #refreshDevices(): Promise<void> {
    const { engine, observer, signal } = this.#options;
    if (observer.status.state !== "live") return;
    this.#facts.gpus = await discoverGpus(engine, signal);
    this.#facts.addresses = await readAddresses();
    await this.#writeRecord();
  }

  /** One that is not heard of keeps its address: it may only be restarting. */
  async #readNeighbours(): Promise<void> {
    const { endpoints, redis, host } = this.#options;
    const found = Object.entries(await neighbourEndpoints(redis, host));
    if (found.every(([service, address]) => endpoints[service] === address)) return;
    Object.assign(endpoints, Object.fromEntries(found));
    this.#writes.request(RECORD);
  }

  async #probe(): Promise<void> {
    const { engine, limitsView, dataDir, log, signal } = this.#options;
    const { capabilities, conclusive } = await runProbes({ engine, limitsView, dataDir, log, signal });
    this.#facts.capabilities = capabilities;
    await this.#writeRecord();
    if (conclusive) await writeProbeCache(this.#cachePath, await this.#probeKey(), capabilities);
  }

  async #probeHourly(): Promise<void> {
    await this.#repeat(PROBE_INTERVAL_MS, () => this.refresh());
  }

  async #repeat(intervalMs: number, work: () => Promise<void>): Promise<void> {
    const { signal, log } = this.#options;
    while (!signal.aborted) {
      await delay(intervalMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await work().catch((error: unknown) => log.warn({ err: error }, "the host could not be looked at"));
    }
  }

  get #cachePath(): string {
    return join(this.#options.dataDir, "host-capabilities.json");
  }

  async #probeKey(): Promise<ProbeKey> {
    const { engine } = this.#facts.inventory ?? {};
    return { bootId: await readBootId(), engineId: engine?.id ?? "", engineVersion: engine?.version ?? "" };
  }

  /** As #writeRecord, but tries again later where that fails. */
  async #write(): Promise<void> {
    const { signal, log } = this.#options;
    if (signal.aborted) return;
    try {
      await this.#writeRecord();
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "the host's record could not be written; it is tried again");
      setTimeout(() => this.#writes.request(RECORD), RETRY_DELAY_MS).unref();
    }
  }

  /** Nothing is written when the record says it already. */
  async #writeRecord(): Promise<void> {
    const { store, catalog, host } = this.#options;
    this.#facts.engine = this.#options.observer.status;
    this.#facts.instances = catalog.onHost(host);
    await store.mutate(hostKind, this.name, (record) => {
      const status = hostStatus(record.status, this.#facts, store.now());
      if (record.status && sameStatus(record.status, status)) return false;
      record.status = status;
      return undefined;
    });
  }
}

function newMeta() {
  return Host.fromPartial({ meta: {} }).meta!;
}

function sameStatus(a: HostStatus, b: HostStatus): boolean {
  return Buffer.from(HostStatus.encode(a).finish()).equals(HostStatus.encode(b).finish());
}
