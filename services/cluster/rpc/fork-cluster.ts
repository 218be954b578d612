import { Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import type { ForkClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { authorize } from "../../common/auth/principal.ts";
import { alreadyExists } from "../../common/errors/errors.ts";
import { checkId } from "../../common/names/ids.ts";
import { checkName, matchName, PROJECT, projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { onParent } from "../../common/rpc/handlers/access.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { checkNodeNames } from "../clusters/check-names.ts";
import { forkedNodes, forkedSpec } from "../clusters/forked.ts";
import { hostRoom } from "../clusters/host-facts.ts";
import { CLUSTER, CLUSTER_SNAPSHOT, containerNameOfNode, endpointNameOf } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { checkFree, checkHostRoom } from "./create/check-host.ts";
import { findSource, holdSnapshot } from "./fork/source.ts";

export function forkCluster(service: ClusterServiceContext) {
  return unary<ForkClusterRequest, Operation>({
    access: ({ parent }) => onParent(parent, "editor"),
    async handler({ source: from, parent, clusterId, cluster: asked, requestId, retain }, call) {
      const { store, tools, catalog, operations, admission } = service;
      const found = new Violations();
      const good = matchName(CLUSTER, from) !== undefined || matchName(CLUSTER_SNAPSHOT, from) !== undefined;
      found.check(good, "source", "is the name of neither a cluster nor a snapshot");
      found.addAll(checkName(PROJECT, "parent", parent));
      found.addAll(checkId("cluster_id", clusterId));
      checkMeta(found, "cluster", asked?.meta);
      checkRequestId(found, requestId);
      found.throwIfAny();
      authorize(call.principal, { role: "editor", project: projectOf(from) });
      const name = `${parent}/clusters/${clusterId}`;
      const source = await findSource(store, from);
      const nodes = forkedNodes(name, source.nodes);
      const ids = nodes.map(({ meta }) => meta!.name.slice(`${name}/nodes/`.length));
      checkNodeNames(found, "cluster_id", name, ids);
      found.throwIfAny();
      const here = source.host === tools.host;
      const room = here ? await hostRoom(tools.engine, call.signal) : undefined;
      const parameters = ClusterJob.fromPartial({ source: source.cluster, snapshot: source.snapshot });
      const key = requestKey(call, requestId);
      return admission.run(async () => {
        let written: Cluster | undefined;
        const operation = await operations.submit({
          job: "fork-cluster",
          verb: "fork",
          kind: clusterKind,
          target: name,
          project: projectOf(name),
          host: ({ meta }) => meta?.host ?? "",
          retain,
          payload: ClusterJob.encode(parameters).finish(),
          ...(key === undefined ? {} : { requestKey: key }),
          async write(tx) {
            if (await tx.get(clusterKind, name)) throw alreadyExists(name);
            if (source.snapshot !== "") await holdSnapshot(tx, source.snapshot);
            await service.projects.needOpen(parent, call.signal);
            const containers = nodes.map(({ meta }) => containerNameOfNode(meta!.name));
            if (here) checkFree(tools, containers, []);
            if (room) checkHostRoom(tools, plannedOf(nodes), room);
            const { labels = {}, annotations = {} } = asked?.meta ?? {};
            written = Cluster.fromPartial({
              meta: { name, labels, annotations, host: source.host },
              spec: forkedSpec(source.spec),
              reservation: { endpointName: endpointNameOf(name) },
              status: { state: ClusterState.CLUSTER_STATE_CREATING },
            });
            tx.create(clusterKind, written);
            for (const node of nodes) tx.create(nodeKind, node);
            return written;
          },
        });
        if (written && operation.name === written.meta?.operation) {
          catalog.clusters.note(written);
          for (const node of nodes) catalog.nodes.note(node);
        }
        return operation;
      });
    },
  });
}

function plannedOf(nodes: ReturnType<typeof forkedNodes>) {
  return nodes.map(({ meta, spec }) => ({ id: meta!.name, spec: spec! }));
}
