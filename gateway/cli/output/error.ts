import { status as Code } from "@grpc/grpc-js";
import type { FieldViolation } from "../../../services/common/errors/errors.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { UsageError } from "../exit-codes.ts";
import { connectionProblem } from "./connection-error.ts";
import { printable } from "./table.ts";

/** What went wrong and, where one can say so, what to do. May have several lines; nothing in it moves the cursor. */
export function errorText(error: unknown): string {
  return printable(describe(error).trimEnd());
}

function describe(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (!(error instanceof GantryError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (error.violations.length > 0) return violationsText(error);
  const hint = hintOf(error);
  const message = error.code === Code.UNAVAILABLE ? connectionProblem(error.message) : error.message;
  return hint === undefined ? message : `${message}\n${hint}`;
}

function violationsText(error: GantryError): string {
  const [first, ...others] = error.violations;
  if (first !== undefined && others.length === 0 && error.metadata["omittedViolations"] === undefined)
    return violationLine(first);
  const omitted = error.metadata["omittedViolations"];
  return [
    "the request has bad fields:",
    ...error.violations.map((violation) => `  ${violationLine(violation)}`),
    ...(omitted === undefined ? [] : [`  and ${omitted} more`]),
  ].join("\n");
}

/** The option that sets a field, by the end of the field's path. */
const options: Record<string, string> = {
  instance_id: "the instance's name",
  project_id: "the project's name",
  mirror_id: "the mirror's name",
  cluster_id: "the cluster's name",
  snapshot_id: "the snapshot's name",
  "spec.node_groups": "--nodes, --control-planes, --workers",
  "spec.node_groups.count": "--nodes, --control-planes, --workers",
  "spec.node_groups.spec.cpu_millis": "--cpus",
  "spec.node_groups.spec.memory_bytes": "--memory",
  "spec.networking.pod_network": "--pod-network",
  "spec.networking.pod_subnet": "--pod-subnet",
  "spec.networking.service_subnet": "--service-subnet",
  "spec.networking.api_server_port": "--api-port",
  "spec.host": "--host",
  "spec.image": "--image",
  "spec.inner_engine": "--inner-engine",
  "spec.command": "what stands behind --",
  "spec.env": "--env, --env-from",
  "spec.user_data": "--user-data",
  "spec.hostname": "--hostname",
  "spec.cpu_millis": "--cpus",
  "spec.memory_bytes": "--memory",
  "spec.pids_max": "--pids",
  "spec.disk_bytes": "--disk",
  "spec.networks": "--network",
  "spec.ports": "--publish",
  "spec.gpus": "--gpu",
  "spec.restart_policy": "--restart",
  "spec.privileged": "--privileged",
  "spec.placement.host": "--host",
  "spec.placement.host_selector": "--host-selector",
  "spec.placement.anti_affinity": "--anti-affinity",
  "spec.stop_timeout": "--stop-timeout",
  "spec.selectors": "--select",
  "spec.display_name": "--display-name",
  "spec.instances_max": "--instances-max",
  "meta.labels": "--label",
  cpu_millis: "--cpus",
  memory_bytes: "--memory",
  pids_max: "--pids",
  label_selector: "--selector",
  interval: "--interval",
  tail: "--tail",
  image: "--image",
  drain_timeout: "--drain-timeout",
  "nodes.count": "--workers",
  "start.nodes": "--node",
  "start.user": "--user",
  "start.working_dir": "--workdir",
  "start.env": "--env",
  "start.command": "what stands behind --",
};
const advice: Record<string, string> = {
  "is not allowed with an inner engine": "; --no-inner-engine goes without one",
};

function violationLine({ field, description }: FieldViolation): string {
  const path = field
    .replace(/^(instance|cluster|node|project|mirror|host)\.(?=spec|meta)/, "")
    .replaceAll(/\["[^"]*"\]|\[\d+\]/g, "");
  const [first, second, ...inner] = path.split(".");
  // `spec.ports[0].port` belongs to `--publish` as `spec.ports` does; what else a group's nodes have is from a file.
  const whole = second === "node_groups" && inner.length > 0 ? undefined : options[`${first}.${second}`];
  const option = options[path] ?? whole;
  return `${field}${option === undefined ? "" : ` (${option})`}: ${description}${advice[description] ?? ""}`;
}

function hintOf(error: GantryError): string | undefined {
  const operation = error.metadata["operation"];
  if (error.reason === "OPERATION_IN_PROGRESS" && operation !== undefined)
    return `gantry wait ${operation} waits for it, gantry cancel ${operation} ends it.`;
  const output = error.metadata["output"];
  if (output !== undefined) return `Its last output:\n${output.replaceAll(/^/gm, "  ")}`;
  if (error.reason === "HOST_NOT_READY") return "gantry get hosts shows their state: try again when one is ready.";
  switch (error.code) {
    case Code.UNAVAILABLE:
      return "Is the realm running (npm start)? gantry config get-contexts shows where it is looked for.";
    case Code.UNAUTHENTICATED:
      return "The context's token is missing, expired or of another realm: gantry add token, on a host of the realm, makes one.";
    case Code.PERMISSION_DENIED:
      return "Another project (-p) or another token may do it: gantry add token, on a host of the realm, makes one.";
    case Code.DEADLINE_EXCEEDED:
      return "--timeout gives it longer.";
    default:
      return undefined;
  }
}
