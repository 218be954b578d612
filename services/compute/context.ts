import type { Logger } from "pino";
import type { Operations } from "../common/jobs/api.ts";
import type { ObservationSource } from "../common/watch/observations.ts";
import type { Project } from "../../proto/gen/gantry/compute/v1/project.ts";
import type { RecordCatalog } from "../common/store/record-catalog.ts";
import type { StoreHandle } from "../common/store/store.ts";
import type { Clusters } from "./clusters.ts";
import type { ComputeConfig } from "./config.ts";
import type { HostTools } from "./host-tools.ts";
import type { InstanceCatalog } from "./instances/catalog.ts";
import type { Mutex } from "../common/rpc/handlers/mutex.ts";
import type { UsageSampler } from "./observe/usage/usage-sampler.ts";
import type { HostCatalog } from "./placement/host-catalog.ts";
import type { StreamContext } from "./streams/context.ts";

/** What handlers work with. Plain: made once in main.ts, changed by nobody. */
export interface ComputeContext {
  readonly config: ComputeConfig;
  readonly log: Logger;
  readonly store: StoreHandle;
  readonly operations: Operations;
  readonly catalog: InstanceCatalog;
  readonly hosts: HostCatalog;
  readonly projects: RecordCatalog<Project>;
  /** Absent where the realm has no cluster service. */
  readonly clusters: Clusters | undefined;
  /** This process's host: handlers read what is observed there. */
  readonly tools: HostTools;
  readonly observations: ObservationSource;
  readonly usage: UsageSampler;
  readonly streams: StreamContext;
  /** Whether this process does its host's work: of several on one host, one does. */
  readonly isActive: () => boolean;
  /** Held while an instance is placed and written, so that each choice sees the one before. */
  readonly admission: Mutex;
  /** Aborts when the process stops. */
  readonly signal: AbortSignal;
}
