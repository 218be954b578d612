import { Cluster } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterServiceClient, type CreateClusterRequest } from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import { ComputeServiceClient } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { call } from "../../../../services/common/rpc/client.ts";
import { type Platform, type PlatformOptions, startPlatform } from "../../../support/platform.ts";

export const LIST = { pageSize: 0, pageToken: "", labelSelector: "" };

/** A platform with the cluster service, spoken to as its admin. */
export class ClusterApi {
  readonly platform: Platform;
  readonly client: ClusterServiceClient;
  readonly compute: ComputeServiceClient;

  private constructor(platform: Platform) {
    this.platform = platform;
    this.client = platform.client(ClusterServiceClient);
    this.compute = platform.client(ComputeServiceClient);
  }

  static async start(options: Omit<PlatformOptions, "services"> = {}): Promise<ClusterApi> {
    return new ClusterApi(await startPlatform({ ...options, services: ["compute", "cluster", "gateway"] }));
  }

  get admin(): { token: string } {
    return { token: this.platform.adminToken };
  }

  create(
    clusterId: string,
    spec: Record<string, unknown> = {},
    more: Partial<CreateClusterRequest> = {},
  ): Promise<Operation> {
    const cluster = Cluster.fromPartial({ meta: {}, spec: spec as never });
    const request = {
      parent: "projects/default",
      clusterId,
      cluster,
      requestId: "",
      validateOnly: false,
      retain: false,
    };
    return call(this.client, "createCluster", { ...request, ...more }, this.admin);
  }

  validate(clusterId: string, spec: Record<string, unknown> = {}): Promise<Operation> {
    return this.create(clusterId, spec, { validateOnly: true });
  }
}

export async function failure(work: Promise<unknown>): Promise<GantryError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

export async function reasonOf(work: Promise<unknown>): Promise<string> {
  return (await failure(work)).reason;
}
