import { setTimeout as delay } from "node:timers/promises";
import { OperationMetadata } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import { Cluster, type ClusterSpec } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeRole } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { ClusterServiceClient, type CreateClusterRequest } from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import { type Operation, OperationsClient } from "../../../../proto/gen/google/longrunning/operations.ts";
import { KubernetesClients } from "../../../../services/cluster/kubernetes/clients.ts";
import type { KubernetesClient } from "../../../../services/cluster/kubernetes/client.ts";
import { targetOf } from "../../../../services/cluster/kubernetes/target.ts";
import { listContainers } from "../../../../services/common/engine/api/containers.ts";
import { listNetworks } from "../../../../services/common/engine/api/networks.ts";
import { listVolumes } from "../../../../services/common/engine/api/volumes.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { LABEL_NAME } from "../../../../services/common/engine/labels.ts";
import { fromRpcStatus } from "../../../../services/common/errors/status.ts";
import { call } from "../../../../services/common/rpc/client.ts";
import pino from "pino";
import { BUSYBOX, NODE } from "../../../images/images.ts";
import { type Platform, type PlatformOptions, startPlatform } from "../../../support/platform.ts";

const OPERATION_TIMEOUT_MS = 300_000;

/** Workers and control planes, or a whole spec. */
export interface Shape {
  controlPlanes?: number;
  workers?: number;
  spec?: Partial<ClusterSpec>;
}

/** The real platform with what is needed to make clusters on its engine, and to look at them. */
export class TestClusters implements AsyncDisposable {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly client: ClusterServiceClient;
  readonly operations: OperationsClient;
  readonly #clients: KubernetesClients;

  private constructor(platform: Platform) {
    this.platform = platform;
    this.engine = new Engine({ socketPath: platform.engine.socketPath });
    this.client = platform.client(ClusterServiceClient);
    this.operations = platform.client(OperationsClient);
    this.#clients = new KubernetesClients({ engine: this.engine, log: pino({ level: "silent" }) });
  }

  static async start(options: PlatformOptions = {}): Promise<TestClusters> {
    const platform = await startPlatform({
      services: ["compute", "cluster", "gateway"],
      images: [BUSYBOX, NODE],
      nodeImage: NODE,
      ...options,
    });
    return new TestClusters(platform);
  }

  get token(): { token: string } {
    return { token: this.platform.adminToken };
  }

  name(id: string): string {
    return `projects/default/clusters/${id}`;
  }

  /** Resolves to the operation, which may be under way. */
  create(id: string, shape: Shape = {}, more: Partial<CreateClusterRequest> = {}): Promise<Operation> {
    const { controlPlanes = 1, workers = 0, spec = {} } = shape;
    const nodeGroups = [
      { count: controlPlanes, spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE } },
      ...(workers > 0 ? [{ count: workers, spec: { role: NodeRole.NODE_ROLE_WORKER } }] : []),
    ];
    const cluster = Cluster.fromPartial({ meta: {}, spec: { nodeGroups, ...spec } as never });
    const request = { parent: "projects/default", clusterId: id, cluster, requestId: "", validateOnly: false };
    return call(this.client, "createCluster", { ...request, retain: false, ...more }, this.token);
  }

  /** A cluster that is ready. */
  async created(id: string, shape: Shape = {}): Promise<Cluster> {
    return this.clusterOf(await this.create(id, shape));
  }

  get(id: string): Promise<Cluster> {
    return call(this.client, "getCluster", { name: this.name(id) }, this.token);
  }

  async nodes(id: string): Promise<Node[]> {
    const page = { pageSize: 0, pageToken: "", labelSelector: "" };
    return (await call(this.client, "listNodes", { parent: this.name(id), ...page }, this.token)).nodes;
  }

  /** The cluster's API, asked as its admin. */
  async api(id: string): Promise<KubernetesClient> {
    return this.#clients.for(targetOf(await this.get(id), await this.nodes(id)));
  }

  /** A verb to its end. */
  async verb(verb: "start" | "stop" | "pause" | "resume", id: string): Promise<Cluster> {
    const request = { name: this.name(id), etag: "", requestId: "" };
    return this.clusterOf(await call(this.client, `${verb}Cluster`, request as never, this.token));
  }

  async delete(id: string): Promise<void> {
    const request = { name: this.name(id), etag: "", requestId: "" };
    await this.wait(await call(this.client, "deleteCluster", request, this.token));
  }

  /** Waits for the end of the operation; throws its error. */
  async wait(operation: Operation): Promise<Operation> {
    const deadline = Date.now() + OPERATION_TIMEOUT_MS;
    let now = operation;
    while (!now.done && Date.now() < deadline) {
      const request = { name: operation.name, timeout: { seconds: 10n, nanos: 0 } };
      now = await call(this.operations, "waitOperation", request as never, this.token);
    }
    if (!now.done) throw new Error(`${operation.name} has not ended: ${progressOf(now).message}`);
    if (now.result?.$case === "error") throw fromRpcStatus(now.result.value);
    return now;
  }

  async clusterOf(operation: Operation): Promise<Cluster> {
    const done = await this.wait(operation);
    if (done.result?.$case !== "response") throw new Error(`${operation.name} has no response`);
    return Cluster.decode(done.result.value.value);
  }

  /** Until `look` gives something; throws after `timeoutMs`. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = 15_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
      await delay(50);
    }
  }

  /** What the engine has of a cluster: containers, volumes, networks. */
  async leftOnEngine(id: string): Promise<string[]> {
    const own = (labels: Record<string, string> | null | undefined): boolean => {
      const name = labels?.[LABEL_NAME] ?? "";
      return name === this.name(id) || name.startsWith(`${this.name(id)}/`);
    };
    const [containers, volumes, networks] = await Promise.all([
      listContainers(this.engine),
      listVolumes(this.engine),
      listNetworks(this.engine),
    ]);
    return [
      ...containers.filter(({ Labels }) => own(Labels)).map(({ Names }) => `container ${Names[0]}`),
      ...volumes.filter(({ Labels }) => own(Labels)).map(({ Name }) => `volume ${Name}`),
      ...networks.filter(({ Labels }) => own(Labels)).map(({ Name }) => `network ${Name}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clients.close();
    this.engine.close();
    await this.platform.stop();
  }
}

export function progressOf(operation: Operation): OperationMetadata {
  return OperationMetadata.decode(operation.metadata!.value);
}
