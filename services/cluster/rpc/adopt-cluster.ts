import type Docker from "dockerode";
import type { AdoptClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { inspectContainer, listContainers } from "../../common/engine/api/containers.ts";
import { readContainerFile } from "../../common/engine/api/read-file.ts";
import { containerFromList } from "../../common/engine/state.ts";
import { alreadyExists } from "../../common/errors/errors.ts";
import { checkId } from "../../common/names/ids.ts";
import { checkName, PROJECT, projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { onParent } from "../../common/rpc/handlers/access.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { adoptedRecords, type AdoptedRecords, type KubeadmFacts } from "../clusters/adopted.ts";
import { engineNameOfCluster } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { factsOfFile } from "../kubeadm/facts-of-file.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { LABEL_KIND_CLUSTER } from "../nodes/container-options.ts";
import { adoptableNodes } from "./adopt/kind-clusters.ts";

const KUBEADM_CONF = "/kind/kubeadm.conf";
const KUBEADM_CONF_BYTES_MAX = 1024 * 1024;

/** Of this host's engine: whoever asks the service of another host gets that host's clusters. */
export function adoptCluster(service: ClusterServiceContext) {
  const { operations, projects, tools } = service;
  return unary<AdoptClusterRequest, Operation>({
    access: ({ parent }) => onParent(parent, "editor"),
    async handler({ parent, clusterId, requestId }, call) {
      const found = new Violations();
      found.addAll(checkName(PROJECT, "parent", parent));
      found.addAll(checkId("cluster_id", clusterId));
      checkRequestId(found, requestId);
      found.throwIfAny();
      const name = `${parent}/clusters/${clusterId}`;
      const key = requestKey(call, requestId);
      await projects.needOpen(parent, call.signal);
      return operations.submit({
        job: "adopt-cluster",
        verb: "adopt",
        kind: clusterKind,
        target: name,
        project: projectOf(name),
        host: () => tools.host,
        ...(key === undefined ? {} : { requestKey: key }),
        async write(tx) {
          if (await tx.get(clusterKind, name)) throw alreadyExists(name);
          const { cluster, nodes } = await read(name, call.signal);
          tx.create(clusterKind, cluster);
          for (const node of nodes) tx.create(nodeKind, node);
          return cluster;
        },
      });
    },
  });

  async function read(name: string, signal: AbortSignal): Promise<AdoptedRecords> {
    const { engine, host } = tools;
    const all = await listContainers(engine, { label: [LABEL_KIND_CLUSTER] }, { signal });
    const seen = adoptableNodes(
      all.map((each) => containerFromList(each)),
      engineNameOfCluster(name),
      host,
    );
    const containers = await Promise.all(seen.map(({ id }) => inspectContainer(engine, id, { signal })));
    return adoptedRecords({ name, host, containers, kubeadm: await kubeadmFacts(containers, signal) });
  }

  async function kubeadmFacts(
    containers: readonly Docker.ContainerInspectInfo[],
    signal: AbortSignal,
  ): Promise<KubeadmFacts> {
    for (const { Id } of containers) {
      const options = { bytesMax: KUBEADM_CONF_BYTES_MAX, signal };
      const file = await readContainerFile(tools.engine, Id, KUBEADM_CONF, options);
      if (file) return factsOfFile(file.toString("utf8"));
    }
    return {};
  }
}
