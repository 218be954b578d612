import { Cluster, type ClusterSpec } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { CreateClusterRequest } from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import type { GantryError } from "../../../common/errors/errors.ts";
import { checkId } from "../../../common/names/ids.ts";
import { checkName, PROJECT } from "../../../common/names/resource-names.ts";
import { Violations } from "../../../common/names/violations.ts";
import type { CallContext } from "../../../common/rpc/call.ts";
import { checkMeta } from "../../../common/rpc/handlers/check-meta.ts";
import { checkRequestId } from "../../../common/rpc/handlers/request-key.ts";
import { checkNodeNames } from "../../clusters/check-names.ts";
import { checkSpec } from "../../clusters/check-spec.ts";
import { withDefaults } from "../../clusters/defaults.ts";
import { hostRoom, type HostRoom, hostRules } from "../../clusters/host-facts.ts";
import { endpointNameOf } from "../../clusters/names.ts";
import { compareNodes } from "../../clusters/node-order.ts";
import { type PlannedNode, planNodes } from "../../clusters/plan-nodes.ts";
import type { ClusterServiceContext } from "../../context.ts";
import { checkKubernetes, type KubernetesCheck } from "../../nodes/check-kubernetes.ts";
import { nodeRecord } from "./admit.ts";
import { type CheckedImages, checkImages } from "./check-images.ts";

export interface Wanted {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** With defaults filled in. */
  spec: ClusterSpec;
  nodes: PlannedNode[];
  /** What is wrong with it in itself. */
  found: Violations;
  /** Why its images can't be had, where nothing else is wrong. */
  imageProblem: GantryError | undefined;
  /** Of this host; undefined where it is for another. */
  room: HostRoom | undefined;
}

/** Everything that does not depend on what else the realm has; nothing is refused yet. */
export async function checkRequest(
  service: ClusterServiceContext,
  request: CreateClusterRequest,
  call: CallContext,
): Promise<Wanted> {
  const { parent, clusterId, cluster, requestId } = request;
  const { config, tools } = service;
  const found = new Violations();
  found.addAll(checkName(PROJECT, "parent", parent));
  found.addAll(checkId("cluster_id", clusterId));
  checkMeta(found, "cluster", cluster?.meta);
  checkRequestId(found, requestId);
  const spec = withDefaults(cluster?.spec, { nodeImage: config.nodeImage, host: tools.host });
  const here = spec.host === tools.host;
  const countable = checkSpec(found, spec, here ? await hostRules(tools.subnets) : undefined);
  const nodes = found.empty && countable ? planNodes(clusterId, spec.nodeGroups) : [];
  const name = `${parent}/clusters/${clusterId}`;
  checkNodeNames(
    found,
    "cluster_id",
    name,
    nodes.map(({ id }) => id),
  );
  const images =
    here && found.empty ? await checkImages(service, imagesOf(spec), spec.networking!, found, call.signal) : undefined;
  if (images && found.empty) await checkKubernetes(found, kubernetesCheck(name, spec, nodes, images.versions));
  return {
    name,
    labels: cluster?.meta?.labels ?? {},
    annotations: cluster?.meta?.annotations ?? {},
    spec,
    nodes,
    found,
    imageProblem: images?.unavailable,
    room: here && found.empty ? await hostRoom(tools.engine, call.signal) : undefined,
  };
}

function kubernetesCheck(
  name: string,
  spec: ClusterSpec,
  planned: readonly PlannedNode[],
  versions: CheckedImages["versions"],
): KubernetesCheck {
  const wanted = planned.map((each) => {
    const group = spec.nodeGroups.findIndex((other) => other.spec === each.spec);
    return { node: nodeRecord(name, spec.host, each), path: `cluster.spec.node_groups[${group}].spec` };
  });
  return {
    cluster: Cluster.fromPartial({ meta: { name }, spec, reservation: { endpointName: endpointNameOf(name) } }),
    nodes: wanted.map(({ node }) => node).toSorted(compareNodes),
    wanted,
    imageField: "cluster.spec.image",
    versions,
  };
}

/** Of the cluster, and of its nodes. */
function imagesOf(spec: ClusterSpec): Map<string, string> {
  const fields = new Map([[spec.image, "cluster.spec.image"]]);
  for (const [i, group] of spec.nodeGroups.entries()) {
    const image = group.spec!.image;
    if (image !== "" && !fields.has(image)) fields.set(image, `cluster.spec.node_groups[${i}].spec.image`);
  }
  return fields;
}
