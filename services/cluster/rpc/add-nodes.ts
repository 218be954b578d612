import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { type Node, NodeGroup, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { AddNodesRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
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
import { countControlPlanes, planNodes } from "../clusters/plan-nodes.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
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
      const { host, networking } = await hostAndNetworking(service, name);
      const here = host === tools.host;
      const found = new Violations();
      checkRequestId(found, requestId);
      found.check(group.count >= 1 && group.count <= NODES_MAX, "nodes.count", `is not 1 to ${NODES_MAX}`);
      checkNode(found, group.spec!, here ? await hostRules(tools.subnets) : undefined, "nodes.spec");
      const ports = found.empty ? groupPorts([group], "nodes") : [];
      checkHostPorts(found, ports);
      const images = new Map(group.spec!.image === "" ? [] : [[group.spec!.image, "nodes.spec.image"]]);
      const unavailable =
        here && found.empty ? await checkImages(service, images, networking, found, call.signal) : undefined;
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
            const taken = new Set(present.map(({ meta }) => idOf(meta!.name)));
            const planned = planNodes(idOf(name), [group], taken);
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

async function hostAndNetworking({ store }: ClusterServiceContext, name: string) {
  const { meta, spec } = await store.need(clusterKind, name);
  return { host: meta!.host, networking: spec!.networking! };
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
