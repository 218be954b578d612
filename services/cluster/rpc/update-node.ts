import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { Node, NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { UpdateNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition, type GantryError } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { applyMask, checkMask } from "../../common/names/field-mask.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { hostPowers } from "../clusters/host-powers.ts";
import { checkMountChange, gainsMounts } from "../clusters/given-mounts.ts";
import { addedPorts, checkPortChange } from "../clusters/port-changes.ts";
import { checkNode, type NodeRules } from "../clusters/check-node.ts";
import { checkGrowth } from "../clusters/check-room.ts";
import { groupWithDefaults } from "../clusters/defaults.ts";
import { hostRoom, hostRules } from "../clusters/host-facts.ts";
import { clusterOfNode, NODE } from "../clusters/names.ts";
import { checkUnchanged, type FixedFields } from "../clusters/unchanged.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodeKind } from "../kinds.ts";
import { needState, submitVerb } from "./cluster-verb.ts";
import { checkFree } from "./create/check-host.ts";

const STATES = [ClusterState.CLUSTER_STATE_RUNNING, ClusterState.CLUSTER_STATE_DEGRADED];

const MUTABLE = [
  "meta.labels",
  "meta.annotations",
  "spec.labels",
  "spec.taints",
  "spec.cpu_millis",
  "spec.memory_bytes",
  "spec.mounts",
  "spec.ports",
];

const ANOTHER_NODE = "add a node that has it, and remove this one";
const FIXED: FixedFields<NodeSpec> = {
  role: ANOTHER_NODE,
  image: "UpgradeCluster does it",
  devices: ANOTHER_NODE,
  kubeadmConfigPatches: ANOTHER_NODE,
};

export function updateNode(service: ClusterServiceContext) {
  return unary<UpdateNodeRequest, Operation>({
    access: ({ node }) => onName(NODE, node?.meta?.name ?? "", "editor", "node.meta.name"),
    async handler(request, call) {
      const { store, tools, admission } = service;
      const { name, etag } = request.node!.meta!;
      const { meta } = await store.need(nodeKind, name);
      const here = meta!.host === tools.host;
      const rules = here ? await hostRules(tools.subnets) : undefined;
      const room = here ? await hostRoom(tools.engine, call.signal) : undefined;
      const powers = here ? await hostPowers() : undefined;
      const parameters = ClusterJob.fromPartial({});
      return admission.run(() =>
        submitVerb(service, call, {
          job: "update-node",
          verb: "updateNode",
          name: clusterOfNode(name),
          requestId: request.requestId,
          parameters,
          async change(cluster, tx) {
            const node = await tx.need(nodeKind, name);
            checkEtag(name, etag, node.meta!.etag);
            const before = Node.decode(Node.encode(node).finish());
            applyUpdate(node, request, rules);
            needState(cluster, "changing a node", STATES, "running");
            if (room) checkGrowth(before.spec!, node.spec!, room, tools.host);
            const ports = addedPorts(before, node);
            if (powers && !powers.network && ports.length > 0) throw noPower(tools.host, "lead its ports to nodes");
            if (powers && !powers.mounts && gainsMounts(before, node))
              throw noPower(tools.host, "mount folders in nodes");
            if (here) checkFree(tools, [], ports);
            parameters.nodes = [name];
            const { spec, reservation } = before;
            parameters.previousNodes = [Node.fromPartial({ meta: { name }, spec, reservation })];
            tx.put(nodeKind, node);
          },
        }),
      );
    },
  });
}

/** Changes the record as asked. INVALID_ARGUMENT with every bad field at once. */
function applyUpdate(
  record: Node,
  { node: asked, updateMask: mask = [], requestId }: UpdateNodeRequest,
  rules: NodeRules | undefined,
): void {
  const found = new Violations();
  const before = Node.decode(Node.encode(record).finish());
  checkRequestId(found, requestId);
  checkMeta(found, "node", asked!.meta);
  const good = checkMask(found, mask, MUTABLE);
  const from = { ...asked!, ...(asked!.spec ? { spec: filledIn(asked!.spec) } : {}) };
  if (mask.length === 0 && from.spec) checkUnchanged(found, from.spec, record.spec!, FIXED, "node.spec");
  applyMask({ mask: good, allowed: MUTABLE, from, to: record, blank: Node.fromPartial({ meta: {}, spec: {} }) });
  checkNode(found, record.spec!, rules, "node.spec");
  checkMountChange(found, before, record.spec!.mounts, "node.spec.mounts");
  checkPortChange(found, before, record.spec!.ports, "node.spec.ports");
  found.throwIfAny();
}

/** The role stays open: it is the node's. */
function filledIn(spec: NodeSpec): NodeSpec {
  return { ...groupWithDefaults({ count: 1, spec }).spec!, role: spec.role };
}

function noPower(host: string, what: string): GantryError {
  const text = `host ${host} does not ${what} while they run: the cluster service there does not run as root`;
  return failedPrecondition("NOT_PRIVILEGED", text, { host });
}
