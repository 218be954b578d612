import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { readContainerFile } from "../../common/engine/api/read-file.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { unavailable } from "../../common/errors/errors.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { Credentials } from "../kubernetes/credentials.ts";
import { PKI_FOLDER } from "../pki/paths.ts";
import { EtcdClient } from "./client.ts";

const BYTES_MAX = 64 * 1024;
/** What kubelets ask etcd for its health with: there wherever a member is. */
const FILES = {
  ca: `${PKI_FOLDER}/etcd/ca.crt`,
  certificate: `${PKI_FOLDER}/etcd/healthcheck-client.crt`,
  key: `${PKI_FOLDER}/etcd/healthcheck-client.key`,
} as const;

/** A client of the etcd whose members are on these control planes. Its credentials are read from one of them, and kept in memory alone. */
export async function connectEtcd(
  engine: Engine,
  controlPlanes: readonly Node[],
  signal: AbortSignal,
): Promise<EtcdClient> {
  const addresses = controlPlanes.map(({ reservation }) => reservation!.ipv4);
  for (const { meta } of controlPlanes) {
    const credentials = await readCredentials(engine, containerNameOfNode(meta!.name), signal);
    if (credentials) return new EtcdClient(addresses, credentials);
  }
  throw unavailable("ETCD_UNAVAILABLE", "no control plane has etcd's certificates");
}

/** Undefined where the container, or one of the files, is not there. */
async function readCredentials(
  engine: Engine,
  container: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const read = async (path: string): Promise<string | undefined> =>
    (await readContainerFile(engine, container, path, { bytesMax: BYTES_MAX, signal }))?.toString("utf8");
  const [ca, certificate, key] = await Promise.all([read(FILES.ca), read(FILES.certificate), read(FILES.key)]);
  return ca && certificate && key ? { ca, certificate, key } : undefined;
}
