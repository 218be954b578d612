import type { Engine } from "../common/engine/engine.ts";
import type { EngineObserver } from "../common/engine/observer/observer.ts";
import type { EngineSlots } from "../common/engine/slots.ts";
import type { Range } from "../common/network/cidr.ts";
import type { ApiAddresses } from "./api-address/api-addresses.ts";
import type { ClusterCatalog } from "./clusters/catalog.ts";
import type { NodeImages } from "./clusters/node-images.ts";
import type { NodeFolders } from "./node-mounts/node-folders.ts";
import type { NodePorts } from "./node-ports/node-ports.ts";
import type { KubernetesClients } from "./kubernetes/clients.ts";
import type { KubernetesObserver } from "./kubernetes/observations/kubernetes-observer.ts";

/** What jobs and the reconciler work with on their host. */
export interface HostTools {
  /** Host id. */
  readonly host: string;
  /** Id of the realm: on everything that is made. */
  readonly realm: string;
  /** Folder of everything Gantry keeps on this host. */
  readonly dataDir: string;
  readonly engine: Engine;
  readonly observer: EngineObserver;
  readonly catalog: ClusterCatalog;
  /** Clients of the clusters' APIs. */
  readonly kubernetes: KubernetesClients;
  /** What is seen of the clusters' APIs. */
  readonly observed: KubernetesObserver;
  /** API addresses of clusters with several control planes. */
  readonly apiAddresses: ApiAddresses;
  /** Ports of the host that lead to nodes. */
  readonly nodePorts: NodePorts;
  /** Folders of the host for what nodes get mounted. */
  readonly nodeFolders: NodeFolders;
  readonly images: NodeImages;
  /** For calls that keep the host's processors busy. */
  readonly slots: EngineSlots;
  /** Where clusters' own networks get their subnets. */
  readonly subnets: Range;
  /** Clusters (names) that stand still for a moment, for a job that is another's: nobody lets them run on meanwhile. */
  readonly standing: Set<string>;
  /** The realm's time. */
  now(): Date;
}
