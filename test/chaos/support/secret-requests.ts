import { randomUUID } from "node:crypto";
import { WatchRequest } from "../../../proto/gen/gantry/common/v1/watch.ts";
import * as compute from "../../../proto/gen/gantry/compute/v1/compute.ts";
import * as operations from "../../../proto/gen/google/longrunning/operations.ts";

/** Id of a project that the callers of the test have nothing to do with; found nowhere else. */
export const MARK = "zq-hidden-zq";

export interface HostileRequest {
  /** Encoded messages. */
  request: Buffer[];
  /** Open to everyone who is known: it must show nothing of the project, but it is no fault to ask. */
  shows?: boolean;
}

interface Message<T> {
  encode(message: T): { finish(): Uint8Array };
}

/** For each method the ways to ask for what is a project's. */
export function requestsOn(project: string): Record<string, HostileRequest[]> {
  const parent = `projects/${project}`;
  const instance = `${parent}/instances/victim`;
  const absent = `${parent}/instances/absent`;
  const mirror = `${parent}/mirrors/${project}`;
  const operation = `${parent}/operations/compute-${randomUUID()}`;
  const one = <T>(type: Message<T>, message: T, shows = false): HostileRequest => ({
    request: [Buffer.from(type.encode(message).finish())],
    shows,
  });
  const { GetInstanceRequest, GetMirrorRequest, GetProjectRequest } = compute;
  const named = (name: string): HostileRequest => one(GetInstanceRequest, GetInstanceRequest.fromPartial({ name }));
  /** Every verb has the name as its first field. */
  const verbs = ["Start", "Stop", "Restart", "Pause", "Resume", "Resize", "Delete"].map(
    (verb): [string, HostileRequest[]] => [`${verb}Instance`, [named(instance), named(absent)]],
  );
  const fieldsOf = { meta: { name: instance } };
  return {
    ...Object.fromEntries(verbs),
    CreateProject: [
      one(compute.CreateProjectRequest, compute.CreateProjectRequest.fromPartial({ projectId: project })),
    ],
    GetProject: [one(GetProjectRequest, { name: parent })],
    ListProjects: [
      one(compute.ListProjectsRequest, compute.ListProjectsRequest.fromPartial({ pageSize: 1_000 }), true),
    ],
    UpdateProject: [
      one(
        compute.UpdateProjectRequest,
        compute.UpdateProjectRequest.fromPartial({ project: { meta: { name: parent } } }),
      ),
    ],
    DeleteProject: [one(compute.DeleteProjectRequest, compute.DeleteProjectRequest.fromPartial({ name: parent }))],
    GetHost: [one(compute.GetHostRequest, { name: "hosts/none" }, true)],
    ListHosts: [one(compute.ListHostsRequest, compute.ListHostsRequest.fromPartial({}), true)],
    UpdateHost: [
      one(
        compute.UpdateHostRequest,
        compute.UpdateHostRequest.fromPartial({ host: { meta: { name: "hosts/host-a" } } }),
      ),
    ],
    CreateMirror: [
      one(
        compute.CreateMirrorRequest,
        compute.CreateMirrorRequest.fromPartial({ parent, mirrorId: "mine", mirror: { spec: { selectors: [{}] } } }),
      ),
    ],
    GetMirror: [one(GetMirrorRequest, { name: mirror }), one(GetMirrorRequest, { name: `${mirror}x` })],
    ListMirrors: [
      one(compute.ListMirrorsRequest, compute.ListMirrorsRequest.fromPartial({ parent })),
      one(compute.ListMirrorsRequest, compute.ListMirrorsRequest.fromPartial({ parent: "projects/-" }), true),
    ],
    UpdateMirror: [
      one(compute.UpdateMirrorRequest, compute.UpdateMirrorRequest.fromPartial({ mirror: { meta: { name: mirror } } })),
    ],
    DeleteMirror: [one(compute.DeleteMirrorRequest, compute.DeleteMirrorRequest.fromPartial({ name: mirror }))],
    CreateInstance: [
      one(compute.CreateInstanceRequest, compute.CreateInstanceRequest.fromPartial({ parent, instanceId: "mine" })),
      one(
        compute.CreateInstanceRequest,
        compute.CreateInstanceRequest.fromPartial({ parent, instanceId: "mine", validateOnly: true }),
      ),
    ],
    GetInstance: [named(instance), named(absent)],
    ListInstances: [
      one(compute.ListInstancesRequest, compute.ListInstancesRequest.fromPartial({ parent })),
      one(compute.ListInstancesRequest, compute.ListInstancesRequest.fromPartial({ parent: "projects/-" }), true),
    ],
    UpdateInstance: [
      one(compute.UpdateInstanceRequest, compute.UpdateInstanceRequest.fromPartial({ instance: fieldsOf })),
    ],
    ExecInstance: [
      one(
        compute.ExecInstanceRequest,
        compute.ExecInstanceRequest.fromPartial({
          input: { $case: "start", value: { name: instance, command: ["/bin/sh"] } },
        }),
      ),
    ],
    StreamInstanceLogs: [named(instance), named(absent)],
    StreamInstanceStats: [named(instance), named(absent)],
    CopyToInstance: [
      one(
        compute.CopyToInstanceRequest,
        compute.CopyToInstanceRequest.fromPartial({
          part: { $case: "target", value: { name: instance, path: "/tmp" } },
        }),
      ),
    ],
    CopyFromInstance: [
      one(
        compute.CopyFromInstanceRequest,
        compute.CopyFromInstanceRequest.fromPartial({ name: instance, path: "/etc" }),
      ),
    ],
    GetInstanceDockerEnv: [named(instance), named(absent)],
    Watch: [
      one(WatchRequest, WatchRequest.fromPartial({ observations: true }), true),
      one(WatchRequest, WatchRequest.fromPartial({ namePrefix: parent, observations: true }), true),
      one(WatchRequest, WatchRequest.fromPartial({ kinds: ["Mirror", "Project"], labelSelector: "secret" }), true),
    ],
    ListOperations: [
      one(operations.ListOperationsRequest, operations.ListOperationsRequest.fromPartial({ name: parent })),
    ],
    GetOperation: [
      one(operations.GetOperationRequest, operations.GetOperationRequest.fromPartial({ name: operation })),
    ],
    DeleteOperation: [
      one(operations.DeleteOperationRequest, operations.DeleteOperationRequest.fromPartial({ name: operation })),
    ],
    CancelOperation: [
      one(operations.CancelOperationRequest, operations.CancelOperationRequest.fromPartial({ name: operation })),
    ],
    WaitOperation: [
      one(operations.WaitOperationRequest, operations.WaitOperationRequest.fromPartial({ name: operation })),
    ],
  };
}
