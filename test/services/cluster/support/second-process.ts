import { join } from "node:path";
import { ClusterServiceClient } from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import { loadTls } from "../../../../services/common/realm/tls.ts";
import { connectClient } from "../../../../services/common/rpc/client.ts";
import type { Platform } from "../../../support/platform.ts";
import { type SecondHostProcess, startOnSecondHost } from "../../../support/second-host.ts";

/** The cluster service of a second host of a realm. No cluster is put on that host. */
export class SecondProcess implements AsyncDisposable {
  readonly client: ClusterServiceClient;
  readonly #process: SecondHostProcess;
  readonly #closeTls: () => void;

  private constructor(client: ClusterServiceClient, process: SecondHostProcess, closeTls: () => void) {
    this.client = client;
    this.#process = process;
    this.#closeTls = closeTls;
  }

  static async start(platform: Platform): Promise<SecondProcess> {
    const process = await startOnSecondHost(platform, "cluster");
    const tls = loadTls({ dir: join(platform.dataDir, "tls"), process: "gateway" });
    const options = { serverName: "cluster" };
    const client = connectClient(ClusterServiceClient, process.address, tls.channelCredentials(), options);
    return new SecondProcess(client, process, () => tls.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#closeTls();
    await this.#process.stop();
  }
}
