import { type ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { ComputeServiceClient } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { beingDeleted, GantryError, unavailable } from "../../common/errors/errors.ts";
import { call, connectClient } from "../../common/rpc/client.ts";

/** Long enough for a service that is being restarted to be there again. */
const TIMEOUT_MS = 3_000;
const metadata = new Metadata({ waitForReady: true });

export interface ProjectsOptions {
  /** gRPC address of the compute service. */
  address: string;
  credentials: ChannelCredentials;
}

/** The realm's projects, as compute knows them. */
export class Projects {
  readonly #client: ComputeServiceClient;
  readonly #address: string;

  constructor({ address, credentials }: ProjectsOptions) {
    this.#address = address;
    this.#client = connectClient(ComputeServiceClient, address, credentials, { serverName: "compute" });
  }

  close(): void {
    this.#client.close();
  }

  /** As `need`, and FAILED_PRECONDITION while it is being deleted: for what is created in it. */
  async needOpen(name: string, signal: AbortSignal): Promise<void> {
    const project = await this.need(name, signal);
    if (project.meta?.deleteTime) throw beingDeleted(name);
  }

  /** `name`: `projects/<p>`. NOT_FOUND when there is none; UNAVAILABLE when compute does not answer. */
  async need(name: string, signal: AbortSignal): Promise<Project> {
    try {
      return await call(this.#client, "getProject", { name }, { signal, timeoutMs: TIMEOUT_MS, metadata });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof GantryError && error.reason === "NOT_FOUND") throw error;
      const why = error instanceof Error ? error.message : String(error);
      const text = `the compute service at ${this.#address}, which knows the projects, does not answer: ${why}`;
      throw unavailable("COMPUTE_UNAVAILABLE", text);
    }
  }
}
