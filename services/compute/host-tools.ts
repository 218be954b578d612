import type { Engine } from "../common/engine/engine.ts";
import type { EngineObserver } from "../common/engine/observer/observer.ts";
import type { DeviceRequest, ViewMount } from "./instances/container-options.ts";
import type { InstanceCatalog } from "./instances/catalog.ts";
import type { InnerEngineClient } from "./inner-engine/client.ts";
import type { TlsStore } from "./inner-engine/tls-store.ts";
import type { EngineSlots } from "../common/engine/slots.ts";
import type { HostNetwork } from "./network/host-network.ts";

/** What jobs and the reconciler work with on their host. */
export interface HostTools {
  /** Host id. */
  readonly host: string;
  /** Id of the realm: on everything that is made. */
  readonly realm: string;
  readonly engine: Engine;
  readonly observer: EngineObserver;
  readonly catalog: InstanceCatalog;
  readonly network: HostNetwork;
  readonly tls: TlsStore;
  readonly innerEngines: InnerEngineClient;
  /** For calls that keep the host's processors busy. */
  readonly slots: EngineSlots;
  /** How the engine is asked for devices, given their ids. FAILED_PRECONDITION when one is not there any more. */
  deviceRequests(ids: readonly string[]): DeviceRequest[];
  /** What shows a container its own limits; empty where the host has no lxcfs that answers. */
  limitsView(): Promise<readonly ViewMount[]>;
}
