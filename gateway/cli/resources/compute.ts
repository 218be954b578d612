import { type Host, HostState, Host as HostMessage } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Instance, NetworkAddress } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { InstanceState, Instance as InstanceMessage } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  type Mirror,
  Mirror as MirrorMessage,
  type Project,
  Project as ProjectMessage,
  ProjectState,
} from "../../../proto/gen/gantry/compute/v1/project.ts";
import { OperationMetadata, OperationState } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { Operation as OperationMessage, type Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { formatBytes, formatCpu } from "../quantity.ts";
import {
  age,
  ageSince,
  below,
  idOf,
  limit,
  PAGE_SIZE,
  parentOf,
  projectOf,
  type ResourceKind,
  stateName,
  statesOf,
} from "./kind.ts";

/** `RUNNING` for INSTANCE_STATE_RUNNING. */
const instanceStateName = (instance: Instance) =>
  stateName(InstanceState, "INSTANCE_STATE_", instance.status?.state ?? 0);

const firstAddress = (addresses: NetworkAddress[] | undefined) => addresses?.[0]?.ipv4 || addresses?.[0]?.ipv6 || "-";

const instances: ResourceKind<Instance> = {
  singular: "instance",
  plural: "instances",
  aliases: ["inst", "i"],
  kind: "Instance",
  typeName: "gantry.compute.v1.Instance",
  message: InstanceMessage,
  service: "compute",
  inProject: true,
  states: statesOf(InstanceState, "INSTANCE_STATE_"),
  columns: [
    { header: "NAME", value: (i) => idOf(i.meta?.name ?? "") },
    { header: "PROJECT", value: (i) => projectOf(i.meta?.name ?? ""), wide: true },
    { header: "STATE", value: instanceStateName },
    { header: "IMAGE", value: (i) => i.spec?.image || "(default)" },
    { header: "ADDRESS", value: (i) => firstAddress(i.status?.addresses) },
    { header: "CPU", value: (i) => limit(i.spec?.cpuMillis, formatCpu) },
    { header: "MEMORY", value: (i) => limit(i.spec?.memoryBytes, formatBytes) },
    { header: "RESTARTS", value: (i) => String(i.status?.restartCount ?? 0), wide: true },
    {
      header: "PORTS",
      value: (i) =>
        (i.status?.ports ?? []).map((p) => `${p.hostIp}:${p.hostPort}->${p.port}/${p.protocol || "tcp"}`).join(",") ||
        "-",
      wide: true,
    },
    { header: "GPUS", value: (i) => (i.status?.gpus ?? []).join(",") || "-", wide: true },
    { header: "DOCKER", value: (i) => i.status?.dockerHost || "-", wide: true },
    { header: "HOST", value: (i) => i.meta?.host || "-" },
    { header: "AGE", value: (i) => age(i.meta) },
  ],
  name: (i) => i.meta?.name ?? "",
  fullName: below("instances"),
  get: (c, name) => c.call(c.compute, c.compute.getInstance, { name }),
  async page(c, query, pageToken) {
    const request = { parent: parentOf(query), pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(c.compute, c.compute.listInstances, request);
    return { items: answer.instances, next: answer.nextPageToken };
  },
};

const hosts: ResourceKind<Host> = {
  singular: "host",
  plural: "hosts",
  aliases: [],
  kind: "Host",
  typeName: "gantry.compute.v1.Host",
  message: HostMessage,
  service: "compute",
  inProject: false,
  states: statesOf(HostState, "HOST_STATE_"),
  columns: [
    { header: "NAME", value: (h) => idOf(h.meta?.name ?? "") },
    {
      header: "STATE",
      value: (h) =>
        stateName(HostState, "HOST_STATE_", h.status?.state ?? 0) + (h.spec?.unschedulable ? ",UNSCHEDULABLE" : ""),
    },
    {
      header: "CPU",
      value: (h) =>
        `${formatCpu(h.status?.allocated?.cpuMillis ?? 0n)}/${formatCpu(h.status?.capacity?.cpuMillis ?? 0n)}`,
    },
    {
      header: "MEMORY",
      value: (h) =>
        `${formatBytes(h.status?.allocated?.memoryBytes ?? 0n)}/${formatBytes(h.status?.capacity?.memoryBytes ?? 0n)}`,
    },
    { header: "GPUS", value: (h) => `${h.status?.allocated?.gpus ?? 0}/${h.status?.capacity?.gpus ?? 0}` },
    { header: "INSTANCES", value: (h) => String(h.status?.allocated?.instances ?? 0) },
    {
      header: "ENGINE",
      value: (h) => `${h.status?.engine?.name ?? ""} ${h.status?.engine?.version ?? ""}`.trim() || "-",
    },
    { header: "KERNEL", value: (h) => h.status?.kernel?.release ?? "-" },
    { header: "OS", value: (h) => h.status?.kernel?.os ?? "-", wide: true },
    { header: "ADDRESSES", value: (h) => (h.status?.addresses ?? []).map((a) => a.cidr).join(",") || "-", wide: true },
    { header: "AGE", value: (h) => age(h.meta) },
  ],
  name: (h) => h.meta?.name ?? "",
  fullName: (id) => (id.includes("/") ? id : `hosts/${id}`),
  get: (c, name) => c.call(c.compute, c.compute.getHost, { name }),
  async page(c, query, pageToken) {
    const request = { pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(c.compute, c.compute.listHosts, request);
    return { items: answer.hosts, next: answer.nextPageToken };
  },
};

const projects: ResourceKind<Project> = {
  singular: "project",
  plural: "projects",
  aliases: [],
  kind: "Project",
  typeName: "gantry.compute.v1.Project",
  message: ProjectMessage,
  service: "compute",
  inProject: false,
  states: statesOf(ProjectState, "PROJECT_STATE_"),
  columns: [
    { header: "NAME", value: (p) => idOf(p.meta?.name ?? "") },
    { header: "STATE", value: (p) => stateName(ProjectState, "PROJECT_STATE_", p.status?.state ?? 0) },
    { header: "DISPLAY NAME", value: (p) => p.spec?.displayName || "-" },
    { header: "INSTANCES MAX", value: (p) => String(p.spec?.instancesMax || "-") },
    { header: "AGE", value: (p) => age(p.meta) },
  ],
  name: (p) => p.meta?.name ?? "",
  fullName: (id) => (id.includes("/") ? id : `projects/${id}`),
  get: (c, name) => c.call(c.compute, c.compute.getProject, { name }),
  async page(c, query, pageToken) {
    const request = { pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(c.compute, c.compute.listProjects, request);
    return { items: answer.projects, next: answer.nextPageToken };
  },
};

const mirrors: ResourceKind<Mirror> = {
  singular: "mirror",
  plural: "mirrors",
  aliases: [],
  kind: "Mirror",
  typeName: "gantry.compute.v1.Mirror",
  message: MirrorMessage,
  service: "compute",
  inProject: true,
  states: [],
  columns: [
    { header: "NAME", value: (m) => idOf(m.meta?.name ?? "") },
    { header: "PROJECT", value: (m) => projectOf(m.meta?.name ?? ""), wide: true },
    { header: "SELECTORS", value: (m) => (m.spec?.selectors ?? []).map(selectorText).join(" | ") },
    { header: "AGE", value: (m) => age(m.meta) },
  ],
  name: (m) => m.meta?.name ?? "",
  fullName: below("mirrors"),
  get: (c, name) => c.call(c.compute, c.compute.getMirror, { name }),
  async page(c, query, pageToken) {
    const request = { parent: parentOf(query), pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(c.compute, c.compute.listMirrors, request);
    return { items: answer.mirrors, next: answer.nextPageToken };
  },
};

function selectorText(selector: { origin: string; kind: string; namePrefix: string; labelSelector: string }): string {
  return Object.entries(selector)
    .filter(([key, value]) => !key.startsWith("_") && value !== "")
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(",");
}

/** The operation's metadata; undefined for an operation that has none. */
export function metadataOf(operation: Operation): OperationMetadata | undefined {
  return operation.metadata ? OperationMetadata.decode(operation.metadata.value) : undefined;
}

/** Services that have operations, each its own. */
const OPERATIONS_OF = ["compute", "cluster"];

const operations: ResourceKind<Operation> = {
  singular: "operation",
  plural: "operations",
  aliases: ["op", "ops"],
  kind: "Operation",
  typeName: "google.longrunning.Operation",
  message: OperationMessage,
  service: "compute",
  inProject: true,
  states: statesOf(OperationState, "OPERATION_STATE_"),
  columns: [
    { header: "NAME", value: (o) => idOf(o.name) },
    { header: "PROJECT", value: (o) => projectOf(o.name), wide: true },
    { header: "VERB", value: (o) => metadataOf(o)?.verb ?? "-" },
    { header: "TARGET", value: (o) => metadataOf(o)?.target ?? "-" },
    { header: "STATE", value: (o) => stateName(OperationState, "OPERATION_STATE_", metadataOf(o)?.state ?? 0) },
    {
      header: "STEP",
      value: (o) => {
        const metadata = metadataOf(o);
        return metadata ? `${metadata.stepIndex}/${metadata.stepCount} ${metadata.step}` : "-";
      },
    },
    { header: "AGE", value: (o) => ageSince(metadataOf(o)?.createTime) },
    {
      header: "MESSAGE",
      value: (o) => (o.result?.$case === "error" ? o.result.value.message : (metadataOf(o)?.message ?? "")),
      wide: true,
    },
  ],
  name: (o) => o.name,
  fullName: below("operations"),
  get: (c, name) => c.call(c.operations, c.operations.getOperation, { name }),
  /** Of one service after the other; a page's token says which is next. */
  async page(c, query, pageToken) {
    const [service = "", token = ""] = (pageToken || `${OPERATIONS_OF[0]} `).split(" ");
    const request = {
      name: parentOf(query),
      filter: "",
      pageSize: PAGE_SIZE,
      pageToken: token,
      returnPartialSuccess: false,
    };
    const { operations, nextPageToken } = await c.listOperations(service, request).catch(noneWhereUnknown);
    if (nextPageToken !== "") return { items: operations, next: `${service} ${nextPageToken}` };
    const following = OPERATIONS_OF[OPERATIONS_OF.indexOf(service) + 1];
    return { items: operations, next: following === undefined ? "" : `${following} ` };
  },
};

/** Not every realm has every service. */
function noneWhereUnknown(error: unknown): { operations: Operation[]; nextPageToken: string } {
  if (error instanceof GantryError && error.reason === "UNKNOWN_SERVICE") return { operations: [], nextPageToken: "" };
  throw error;
}

// oxlint-disable-next-line typescript/no-explicit-any -- of different message types: each entry is used only with its own items
export const computeKinds: readonly ResourceKind<any>[] = [instances, hosts, projects, mirrors, operations];
