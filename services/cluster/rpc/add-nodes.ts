import { type Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { type Node, NodeGroup, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { AddNodesRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition, type GantryError } from "../../common/errors/errors.ts";
import { idOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { parseRange } from "../../common/network/cidr.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { checkNodeNames } from "../clusters/check-names.ts";
import { checkNode } from "../clusters/check-node.ts";
import { checkHostPorts } from "../clusters/check-ports.ts";
import { groupPorts } from "../clusters/check-spec.ts";
import { groupWithDefaults } from "../clusters/defaults.ts";
import { hostRoom, hostRules } from "../clusters/host-facts.ts";
import { CONTROL_PLANES_MAX, NODES_MAX, POD_PREFIX } from "../clusters/limits.ts";
import { CLUSTER, containerNameOfNode } from "../clusters/names.ts";
import { compareNodes } from "../clusters/node-order.ts";
import { countControlPlanes, planNodes } from "../clusters/plan-nodes.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { checkKubernetes } from "../nodes/check-kubernetes.ts";
import { needState, submitVerb } from "./cluster-verb.ts";
import { nodeRecord } from "./create/admit.ts";
import { checkFree, checkHostRoom } from "./create/check-host.ts";
import { checkImages } from "./create/check-images.ts";

const STATES = [ClusterState.CLUSTER_STATE_RUNNING, ClusterState.CLUSTER_STATE_DEGRADED];

export function addNodes(service: ClusterServiceContext) {
  return unary<AddNodesRequest, Operation>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    async handler({ name, nodes, etag, requestId, retain }, call) {
      const { store, tools, catalog, admission } = service;
      const group = groupWithDefaults(nodes ?? NodeGroup.fromPartial({}));
      const cluster = await store.need(clusterKind, name);
      const { host } = cluster.meta!;
      const here = host === tools.host;
      const found = new Violations();
      checkRequestId(found, requestId);
      found.check(group.count >= 1 && group.count <= NODES_MAX, "nodes.count", `is not 1 to ${NODES_MAX}`);
      checkNode(found, group.spec!, here ? await hostRules(tools.subnets) : undefined, "nodes.spec");
      const ports = found.empty ? groupPorts([group], "nodes") : [];
      checkHostPorts(found, ports);
      const unavailable =
        here && found.empty ? await checkHere(service, cluster, group, found, call.signal) : undefined;
      found.throwIfAny();
      const room = here ? await hostRoom(tools.engine, call.signal) : undefined;
      const parameters = ClusterJob.fromPartial({});
      return admission.run(async () => {
        let added: Node[] = [];
        const operation = await submitVerb(service, call, {
          job: "add-nodes",
          verb: "addNodes",
          name,
          etag,
          requestId,
          retain,
          parameters,
          async change(cluster, tx) {
            needState(cluster, "adding nodes", STATES, "running");
            if (unavailable) throw unavailable;
            const present = await nodesOf(store, name);
            const planned = planNodes(idOf(name), [group], idsOf(present));
            checkCounts(name, present, group, cluster.spec!.networking!.podSubnet);
            const names = new Violations();
            const ids = planned.map(({ id }) => id);
            checkNodeNames(names, "name", name, ids);
            names.throwIfAny();
            if (here)
              checkFree(
                tools,
                ids.map((id) => containerNameOfNode(`${name}/nodes/${id}`)),
                ports,
              );
            if (room) checkHostRoom(tools, planned, room);
            added = planned.map((node) => nodeRecord(name, host, node));
            for (const node of added) tx.create(nodeKind, node);
            parameters.nodes = added.map(({ meta }) => meta!.name);
          },
        });
        for (const node of added) if (node.meta!.uid !== "") catalog.nodes.note(node);
        return operation;
      });
    },
  });
}

/** What the image says, or why it can't be had. */
async function checkHere(
  service: ClusterServiceContext,
  cluster: Cluster,
  group: NodeGroup,
  found: Violations,
  signal: AbortSignal,
): Promise<GantryError | undefined> {
  const { name, host } = cluster.meta!;
  const { image, networking } = cluster.spec!;
  const imageField = "nodes.spec.image";
  const own = new Map([[group.spec!.image || image, imageField]]);
  const { unavailable, versions } = await checkImages(service, own, networking!, found, signal);
  if (!found.empty) return unavailable;
  const present = await nodesOf(service.store, name);
  const wanted = planNodes(idOf(name), [group], idsOf(present)).map((planned) => ({
    node: nodeRecord(name, host, planned),
    path: "nodes.spec",
  }));
  const nodes = [...present, ...wanted.map(({ node }) => node)].toSorted(compareNodes);
  await checkKubernetes(found, { cluster, nodes, wanted, imageField, versions });
  return unavailable;
}

function idsOf(nodes: readonly Node[]): Set<string> {
  return new Set(nodes.map(({ meta }) => idOf(meta!.name)));
}

function checkCounts(name: string, present: readonly Node[], group: NodeGroup, podSubnet: string): void {
  const controlPlanes = countControlPlanes(present.map(({ spec }) => spec));
  if (group.spec!.role === NodeRole.NODE_ROLE_CONTROL_PLANE) {
    if (controlPlanes < 2) {
      const text = `${name} has one control plane, whose address is the API's own: others cannot be added`;
      throw failedPrecondition("ONE_CONTROL_PLANE", text, { name });
    }
    if (controlPlanes + group.count > CONTROL_PLANES_MAX) {
      const text = `${name} would have ${controlPlanes + group.count} control planes; at most ${CONTROL_PLANES_MAX}`;
      throw failedPrecondition("TOO_MANY_NODES", text, { name });
    }
  }
  const total = present.length + group.count;
  const room = Math.min(NODES_MAX, 2 ** (POD_PREFIX - (parseRange(podSubnet)?.prefix ?? POD_PREFIX)));
  if (total > room) {
    throw failedPrecondition("TOO_MANY_NODES", `${name} would have ${total} nodes; at most ${room}`, { name });
  }
}
