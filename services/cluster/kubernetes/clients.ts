import type { Logger } from "pino";
import { readContainerFile } from "../../common/engine/api/read-file.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { unavailable } from "../../common/errors/errors.ts";
import { ADMIN_CONF_PATH, SUPER_ADMIN_CONF_PATH } from "../pki/paths.ts";
import { KubernetesClient } from "./client.ts";
import { type Credentials, parseAdminConf } from "./credentials.ts";
import type { ClusterTarget } from "./target.ts";

/** The one that is taken first comes first: an ordinary admin of 1.29 and later has no rights before the cluster has given them. */
export const ADMIN_CONF_PATHS = [SUPER_ADMIN_CONF_PATH, ADMIN_CONF_PATH] as const;
export const ADMIN_CONF_BYTES_MAX = 64 * 1024;

export interface KubernetesClientsOptions {
  engine: Engine;
  log: Logger;
}

/** Clients of this host's clusters: one for each, kept as long as the cluster. */
export class KubernetesClients {
  readonly #options: KubernetesClientsOptions;
  /** By the cluster's uid. */
  readonly #clients = new Map<string, KubernetesClient>();
  readonly #remembered = new Map<string, Credentials>();

  constructor(options: KubernetesClientsOptions) {
    this.#options = options;
  }

  for(target: ClusterTarget): KubernetesClient {
    const known = this.#clients.get(target.uid);
    if (known) {
      known.retarget(target);
      return known;
    }
    const client = new KubernetesClient(target, (of, signal) => this.#read(of, signal));
    const remembered = this.#remembered.get(target.uid);
    this.#remembered.delete(target.uid);
    if (remembered) client.use(remembered);
    this.#clients.set(target.uid, client);
    return client;
  }

  /** Credentials that this process has made itself, as the control plane's own kubeconfig: they need not be read through the engine. */
  remember(uid: string, adminConf: string): void {
    const credentials = parseAdminConf(adminConf, "the admin's kubeconfig");
    const client = this.#clients.get(uid);
    if (client) client.use(credentials);
    else this.#remembered.set(uid, credentials);
  }

  /** The cluster is gone, or its keys are others now. */
  forget(uid: string): void {
    this.#clients.get(uid)?.close();
    this.#clients.delete(uid);
    this.#remembered.delete(uid);
  }

  close(): void {
    for (const uid of this.#clients.keys()) this.forget(uid);
  }

  /** From the first control plane that has them, running or not. */
  async #read({ name, controlPlanes }: ClusterTarget, signal: AbortSignal | undefined): Promise<Credentials> {
    const { engine, log } = this.#options;
    const options = { bytesMax: ADMIN_CONF_BYTES_MAX, signal };
    for (const container of controlPlanes) {
      for (const path of ADMIN_CONF_PATHS) {
        const file = await readContainerFile(engine, container, path, options);
        if (file === undefined) continue;
        log.debug({ cluster: name, container, path }, "read the cluster's admin credentials");
        return parseAdminConf(file.toString("utf8"), `${path} of ${container}`);
      }
    }
    throw unavailable("KUBERNETES_UNAVAILABLE", `no control plane of ${name} has ${ADMIN_CONF_PATH} yet`);
  }
}
