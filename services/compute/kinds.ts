import { Host, HostSpec } from "../../proto/gen/gantry/compute/v1/host.ts";
import { Instance, InstanceSpec } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { Mirror, MirrorSpec, Project, ProjectSpec } from "../../proto/gen/gantry/compute/v1/project.ts";
import type { Kind } from "../common/store/api.ts";
import { redacted } from "./instances/redact.ts";

const NO_SPEC = new Uint8Array();

export const projectKind: Kind<Project> = {
  name: "Project",
  typeName: "gantry.compute.v1.Project",
  message: Project,
  schema: 1,
  spec: (project) => (project.spec ? ProjectSpec.encode(project.spec).finish() : NO_SPEC),
  hostless: true,
};

export const mirrorKind: Kind<Mirror> = {
  name: "Mirror",
  typeName: "gantry.compute.v1.Mirror",
  message: Mirror,
  schema: 1,
  spec: (mirror) => (mirror.spec ? MirrorSpec.encode(mirror.spec).finish() : NO_SPEC),
  hostless: true,
};

export const hostKind: Kind<Host> = {
  name: "Host",
  typeName: "gantry.compute.v1.Host",
  message: Host,
  schema: 1,
  spec: (host) => (host.spec ? HostSpec.encode(host.spec).finish() : NO_SPEC),
  hostless: false,
};

export const instanceKind: Kind<Instance> = {
  name: "Instance",
  typeName: "gantry.compute.v1.Instance",
  message: Instance,
  schema: 1,
  spec: (instance) => (instance.spec ? InstanceSpec.encode(instance.spec).finish() : NO_SPEC),
  redact: redacted,
  hostless: false,
};

/** Every kind of record this service owns, operations aside. */
export const computeKinds = [projectKind, hostKind, mirrorKind, instanceKind] as const;
