import { type ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { ClusterServiceClient } from "../../proto/gen/gantry/cluster/v1/service.ts";
import { unavailable } from "../common/errors/errors.ts";
import { call, connectClient } from "../common/rpc/client.ts";

/** Long enough for a service that is being restarted to be there again. */
const TIMEOUT_MS = 3_000;
const metadata = new Metadata({ waitForReady: true });

export interface ClustersOptions {
  /** gRPC address of the cluster service. */
  address: string;
  credentials: ChannelCredentials;
}

/** What the cluster service has in a project: projects belong to compute, clusters do not. */
export class Clusters {
  readonly #client: ClusterServiceClient;
  readonly #address: string;

  constructor({ address, credentials }: ClustersOptions) {
    this.#address = address;
    this.#client = connectClient(ClusterServiceClient, address, credentials, { serverName: "cluster" });
  }

  close(): void {
    this.#client.close();
  }

  /** Name of a cluster or snapshot that the project has. UNAVAILABLE when the service does not answer. */
  async firstIn(project: string, signal: AbortSignal): Promise<string | undefined> {
    const request = { parent: project, pageSize: 1, pageToken: "", labelSelector: "" };
    const settings = { signal, timeoutMs: TIMEOUT_MS, metadata };
    try {
      const [{ clusters }, { snapshots }] = await Promise.all([
        call(this.#client, "listClusters", request, settings),
        call(this.#client, "listClusterSnapshots", request, settings),
      ]);
      return (clusters[0] ?? snapshots[0])?.meta?.name;
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      const text = `the cluster service at ${this.#address}, which knows the clusters of ${project}, does not answer: ${why}`;
      throw unavailable("CLUSTER_UNAVAILABLE", text);
    }
  }
}
