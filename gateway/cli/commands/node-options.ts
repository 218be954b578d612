import type { Command } from "commander";
import { NodeMount, NodePort, type NodeSpec, type Taint } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { UsageError } from "../exit-codes.ts";
import { parseBytes, parseCpu } from "../quantity.ts";
import { parsePort } from "./instance-options.ts";

export interface NodeOptions {
  label?: string[];
  taint?: string[];
  cpus?: string;
  memory?: string;
  publish?: string[];
  unpublish?: string[];
  mount?: string[];
  unmount?: string[];
}

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function addNodeOptions(command: Command): Command {
  return command
    .option("--label <change>", "Kubernetes label: key=value, or key- to take it away (repeatable)", collect)
    .option("--taint <change>", "taint: key[=value]:effect, or key[:effect]- to take it away (repeatable)", collect)
    .option("--cpus <n>", "processors, as in 2, 0.5 or 500m; 0: no limit")
    .option("--memory <size>", "memory, as in 2Gi; 0: no limit")
    .option(
      "--publish <port>",
      "[[address:]host port:]port[/udp|/sctp], one more port of the host (repeatable)",
      collect,
    )
    .option(
      "--unpublish <port>",
      "host port[/udp|/sctp], or port of the node where the host chose one (repeatable)",
      collect,
    )
    .option("--mount <folder>", "path of the host:path in the node[:ro] (repeatable)", collect)
    .option("--unmount <path>", "path in the node (repeatable)", collect);
}

export interface NodeChange {
  spec: NodeSpec;
  /** Fields that it is about. */
  mask: string[];
}

/** The node's spec as the options make it. */
export function changedNode(spec: NodeSpec, options: NodeOptions): NodeChange {
  const { label, taint, cpus, memory, publish, unpublish, mount, unmount } = options;
  const mask = [
    ...(label ? ["spec.labels"] : []),
    ...(taint ? ["spec.taints"] : []),
    ...(cpus === undefined ? [] : ["spec.cpu_millis"]),
    ...(memory === undefined ? [] : ["spec.memory_bytes"]),
    ...(mount || unmount ? ["spec.mounts"] : []),
    ...(publish || unpublish ? ["spec.ports"] : []),
  ];
  if (mask.length === 0)
    throw new UsageError("say what to change: --label, --taint, --cpus, --memory, --publish, --mount...");
  const changed = {
    ...spec,
    labels: (label ?? []).reduce(changeLabel, spec.labels),
    taints: (taint ?? []).reduce(changeTaint, spec.taints),
    cpuMillis: cpus === undefined ? spec.cpuMillis : parseCpu(cpus, "--cpus"),
    memoryBytes: memory === undefined ? spec.memoryBytes : parseBytes(memory, "--memory"),
    mounts: [...(unmount ?? []).reduce(withoutMount, spec.mounts), ...(mount ?? []).map(parseMount)],
    ports: [...(unpublish ?? []).reduce(withoutPort, spec.ports), ...(publish ?? []).map(parseNodePort)],
  };
  return { spec: changed, mask };
}

function changeLabel(labels: Record<string, string>, text: string): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals > 0) return { ...labels, [text.slice(0, equals)]: text.slice(equals + 1) };
  if (!/^[^=]+-$/.test(text)) throw new UsageError(`--label ${text}: write key=value or key-`);
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key !== text.slice(0, -1)));
}

function changeTaint(taints: Taint[], text: string): Taint[] {
  const goes = text.endsWith("-");
  const match = /^([^=:]+)(?:=([^:]*))?(?::([A-Za-z]+))?$/.exec(goes ? text.slice(0, -1) : text);
  const [, key = "", value = "", effect = ""] = match ?? [];
  if (!match || (!goes && effect === ""))
    throw new UsageError(`--taint ${text}: write key=value:effect, key:effect or key-`);
  const others = taints.filter((taint) => taint.key !== key || (effect !== "" && taint.effect !== effect));
  if (!goes) return [...others, { key, value, effect }];
  if (others.length === taints.length) throw new UsageError(`--taint ${text}: the node has no such taint of Gantry's`);
  return others;
}

function parseNodePort(text: string): NodePort {
  const sctp = text.endsWith("/sctp");
  const port = parsePort(sctp ? text.slice(0, -"/sctp".length) : text);
  return NodePort.fromPartial(sctp ? { ...port, protocol: "sctp" } : port);
}

/** A port of the host; where nobody stated which, of the node. */
function withoutPort(ports: NodePort[], text: string): NodePort[] {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (!match) throw new UsageError(`--unpublish ${text}: write host port, or host port/udp`);
  const [, number = "", protocol = "tcp"] = match;
  const isMeant = (port: NodePort): boolean =>
    (port.protocol || "tcp") === protocol && (port.hostPort || port.port) === Number(number);
  if (!ports.some(isMeant)) throw new UsageError(`--unpublish ${text}: the node has no such port of the host`);
  return ports.filter((port) => !isMeant(port));
}

function parseMount(text: string): NodeMount {
  const [hostPath = "", containerPath = "", mode, ...rest] = text.split(":");
  if (
    !hostPath.startsWith("/") ||
    !containerPath.startsWith("/") ||
    rest.length > 0 ||
    !["ro", "rw", undefined].includes(mode)
  )
    throw new UsageError(`--mount ${text}: write path of the host:path in the node, or the same and :ro`);
  return NodeMount.fromPartial({ hostPath, containerPath, readOnly: mode === "ro" });
}

function withoutMount(mounts: NodeMount[], path: string): NodeMount[] {
  const others = mounts.filter(({ containerPath }) => containerPath !== path);
  if (others.length === mounts.length) throw new UsageError(`--unmount ${path}: nothing of the host is mounted there`);
  return others;
}
