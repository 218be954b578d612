import { randomUUID } from "node:crypto";
import { status as Code } from "@grpc/grpc-js";
import {
  CreateMirrorRequest,
  CreateProjectRequest,
  UpdateMirrorRequest,
  UpdateProjectRequest,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Mirror, Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { call } from "../../../services/common/rpc/client.ts";
import type { Scene } from "./scene.ts";
import { answered, done } from "./settle.ts";

type Caller = Pick<Scene, "compute" | "settings">;

/** Changes that need no operation, each repeated until it is answered. */

export function createProject({ compute, settings }: Caller, projectId: string, displayName = ""): Promise<Project> {
  const request = CreateProjectRequest.fromPartial({
    projectId,
    project: { spec: { displayName } },
    requestId: randomUUID(),
  });
  const name = `projects/${projectId}`;
  return createdOr(
    () => call(compute, "createProject", request, settings),
    () => call(compute, "getProject", { name }, settings),
  );
}

export function updateProject(
  { compute, settings }: Caller,
  name: string,
  change: { displayName?: string; labels?: Record<string, string>; etag?: string },
): Promise<Project> {
  const { displayName, labels, etag = "" } = change;
  const request = UpdateProjectRequest.fromPartial({
    project: { meta: { name, etag, ...(labels ? { labels } : {}) }, spec: { displayName: displayName ?? "" } },
    updateMask: [...(displayName === undefined ? [] : ["spec.display_name"]), ...(labels ? ["meta.labels"] : [])],
    requestId: randomUUID(),
  });
  return answered(() => call(compute, "updateProject", request, settings));
}

export function deleteProject({ compute, settings }: Caller, name: string): Promise<void> {
  return done(() => call(compute, "deleteProject", { name, etag: "" }, settings), Code.NOT_FOUND);
}

export function createMirror(
  { compute, settings }: Caller,
  parent: string,
  mirrorId: string,
  labels: Record<string, string> = {},
): Promise<Mirror> {
  const request = CreateMirrorRequest.fromPartial({
    parent,
    mirrorId,
    mirror: { meta: { labels }, spec: { selectors: [{ kind: "Instance" }] } },
    requestId: randomUUID(),
  });
  const name = `${parent}/mirrors/${mirrorId}`;
  return createdOr(
    () => call(compute, "createMirror", request, settings),
    () => call(compute, "getMirror", { name }, settings),
  );
}

export function updateMirror(
  { compute, settings }: Caller,
  name: string,
  labels: Record<string, string>,
): Promise<Mirror> {
  const request = UpdateMirrorRequest.fromPartial({
    mirror: { meta: { name, labels } },
    updateMask: ["meta.labels"],
    requestId: randomUUID(),
  });
  return answered(() => call(compute, "updateMirror", request, settings));
}

export function deleteMirror({ compute, settings }: Caller, name: string): Promise<void> {
  return done(() => call(compute, "deleteMirror", { name, etag: "" }, settings), Code.NOT_FOUND);
}

/** A wiped Redis has forgotten request ids: a repeat then finds that the first try has made it. */
async function createdOr<T>(create: () => Promise<T>, get: () => Promise<T>): Promise<T> {
  let tries = 0;
  return answered(async () => {
    tries++;
    try {
      return await create();
    } catch (error) {
      if (tries > 1 && error instanceof GantryError && error.code === Code.ALREADY_EXISTS) return get();
      throw error;
    }
  });
}
