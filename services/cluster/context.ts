import type { Logger } from "pino";
import type { Operations } from "../common/jobs/api.ts";
import type { Mutex } from "../common/rpc/handlers/mutex.ts";
import type { Peers } from "../common/streams/peers.ts";
import type { StoreHandle } from "../common/store/store.ts";
import type { ObservationSource } from "../common/watch/observations.ts";
import type { ClusterCatalog } from "./clusters/catalog.ts";
import type { NodeImages } from "./clusters/node-images.ts";
import type { Projects } from "./clusters/projects.ts";
import type { ClusterConfig } from "./config.ts";
import type { HostTools } from "./host-tools.ts";

/** What handlers work with. Plain: made once in main.ts, changed by nobody. */
export interface ClusterServiceContext {
  readonly config: ClusterConfig;
  readonly log: Logger;
  readonly store: StoreHandle;
  readonly operations: Operations;
  readonly catalog: ClusterCatalog;
  /** Projects belong to compute. */
  readonly projects: Projects;
  /** Cluster services of other hosts, which open those hosts' engines. */
  readonly peers: Peers;
  readonly images: NodeImages;
  /** This process's host: handlers read what is observed there. */
  readonly tools: HostTools;
  /** Whether a cluster service works on that host's queue now. */
  readonly hostWorks: (host: string) => Promise<boolean>;
  readonly observations: ObservationSource;
  /** Held while a cluster is admitted and written, so that each choice sees the one before. */
  readonly admission: Mutex;
  /** Aborts when the process stops. */
  readonly signal: AbortSignal;
}
