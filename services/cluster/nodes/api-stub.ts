import { status as Code } from "@grpc/grpc-js";
import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { createContainer, findContainer, listContainers, removeContainer } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { EngineError } from "../../common/engine/errors.ts";
import { identityLabels, KIND_API_STUB, LABEL_KIND, LABEL_UID } from "../../common/engine/labels.ts";
import { containerNameInUse } from "../../common/engine/name-in-use.ts";
import { engineNameOfCluster } from "../clusters/names.ts";
import type { HostTools } from "../host-tools.ts";
import { API_PORT } from "../pki/paths.ts";
import { LABEL_KIND_CLUSTER, LABEL_KIND_ROLE } from "./container-options.ts";

/**
 * A container by which kind's tools find the API of a cluster with several control planes: they read the address from its label. It is never
 * started: the kernel does what kind has a proxy for.
 */
export function apiStubOptions(cluster: Cluster, realm: string) {
  const { name, uid } = cluster.meta!;
  return {
    Image: cluster.spec!.image,
    Labels: {
      ...identityLabels({ name, uid, kind: KIND_API_STUB, realm }),
      [LABEL_KIND_CLUSTER]: engineNameOfCluster(name),
      [LABEL_KIND_ROLE]: "external-load-balancer",
      [`desktop.docker.io/ports/${API_PORT}/tcp`]: `${cluster.reservation!.apiIpv4}:${API_PORT}`,
    },
    HostConfig: { NetworkMode: "none" },
  };
}

/** Nothing where it is there already. */
export async function createApiStub(
  { engine, realm, host }: Pick<HostTools, "engine" | "realm" | "host">,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<void> {
  if ((await findApiStubs(engine, cluster.meta!.uid, signal)).length > 0) return;
  const name = `${engineNameOfCluster(cluster.meta!.name)}-external-load-balancer`;
  try {
    await createContainer(engine, name, apiStubOptions(cluster, realm), { signal });
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== Code.ALREADY_EXISTS) throw error;
    // By a run that was broken off.
    if ((await findApiStubs(engine, cluster.meta!.uid, signal)).length > 0) return;
    throw containerNameInUse({ host, realm, container: name, found: await findContainer(engine, name, { signal }) });
  }
}

export async function removeApiStub(engine: Engine, clusterUid: string, signal: AbortSignal): Promise<void> {
  const found = await findApiStubs(engine, clusterUid, signal);
  await Promise.all(found.map((id) => removeContainer(engine, id, { signal })));
}

async function findApiStubs(engine: Engine, clusterUid: string, signal: AbortSignal): Promise<string[]> {
  const label = [`${LABEL_KIND}=${KIND_API_STUB}`, `${LABEL_UID}=${clusterUid}`];
  return (await listContainers(engine, { label }, { signal })).map(({ Id }) => Id);
}
