import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import {
  ClusterServiceService,
  type GetKubeconfigRequest,
  type GetKubeconfigResponse,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { readContainerFile } from "../../common/engine/api/read-file.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { clientKubeconfig } from "../clusters/kubeconfig.ts";
import { CLUSTER, containerNameOfNode, engineNameOfCluster } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind } from "../kinds.ts";
import { ADMIN_CONF_BYTES_MAX } from "../kubernetes/clients.ts";
import { ADMIN_CONF_PATH } from "../pki/paths.ts";
import { needState } from "./cluster-verb.ts";

/** Also of a stopped cluster: the file is read without anything of it running. */
const STATES = [
  ClusterState.CLUSTER_STATE_STARTING,
  ClusterState.CLUSTER_STATE_RUNNING,
  ClusterState.CLUSTER_STATE_DEGRADED,
  ClusterState.CLUSTER_STATE_STOPPING,
  ClusterState.CLUSTER_STATE_STOPPED,
  ClusterState.CLUSTER_STATE_PAUSED,
];

export function getKubeconfig(service: ClusterServiceContext) {
  return unary<GetKubeconfigRequest, GetKubeconfigResponse>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    async handler(request, call) {
      const { name, internal } = request;
      const { store, tools, peers } = service;
      const cluster = await store.need(clusterKind, name);
      needState(cluster, "kubeconfig", STATES, "made");
      const { host } = cluster.meta!;
      if (host !== tools.host) return peers.one(host, call, ClusterServiceService.getKubeconfig, [request]);
      const { endpoint = "", internalEndpoint = "" } = cluster.status ?? {};
      const server = internal ? internalEndpoint : endpoint;
      if (server === "") {
        throw failedPrecondition("NO_ENDPOINT", `where the API of ${name} is reached is not known yet`, { name });
      }
      const text = await adminConf(service, name, call.signal);
      const { kubeconfig, expireTime } = clientKubeconfig(text, {
        name: `kind-${engineNameOfCluster(name)}`,
        server,
        where: name,
      });
      return { kubeconfig: Buffer.from(kubeconfig), expireTime };
    },
  });
}

async function adminConf({ tools }: ClusterServiceContext, name: string, signal: AbortSignal): Promise<string> {
  for (const node of tools.catalog.nodes.of(name)) {
    if (node.spec?.role !== NodeRole.NODE_ROLE_CONTROL_PLANE) continue;
    const container = containerNameOfNode(node.meta!.name);
    const options = { bytesMax: ADMIN_CONF_BYTES_MAX, signal };
    const content = await readContainerFile(tools.engine, container, ADMIN_CONF_PATH, options);
    if (content) return content.toString("utf8");
  }
  throw failedPrecondition("KEYS_LOST", `no control plane of ${name} has ${ADMIN_CONF_PATH}`, { name });
}
