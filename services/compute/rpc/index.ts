import type { ComputeServiceServer } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { ComputeContext } from "../context.ts";
import { copyFromInstance } from "./copy-from-instance.ts";
import { copyToInstance } from "./copy-to-instance.ts";
import { createInstance } from "./create-instance.ts";
import { createMirror } from "./create-mirror.ts";
import { createProject } from "./create-project.ts";
import { deleteInstance } from "./delete-instance.ts";
import { deleteMirror } from "./delete-mirror.ts";
import { deleteProject } from "./delete-project.ts";
import { execInstance } from "./exec-instance.ts";
import { getHost } from "./get-host.ts";
import { getInstanceDockerEnv } from "./get-instance-docker-env.ts";
import { getInstance } from "./get-instance.ts";
import { getMirror } from "./get-mirror.ts";
import { getProject } from "./get-project.ts";
import { listHosts } from "./list-hosts.ts";
import { listInstances } from "./list-instances.ts";
import { listMirrors } from "./list-mirrors.ts";
import { listProjects } from "./list-projects.ts";
import { pauseInstance } from "./pause-instance.ts";
import { resizeInstance } from "./resize-instance.ts";
import { restartInstance } from "./restart-instance.ts";
import { resumeInstance } from "./resume-instance.ts";
import { startInstance } from "./start-instance.ts";
import { stopInstance } from "./stop-instance.ts";
import { streamInstanceLogs } from "./stream-instance-logs.ts";
import { streamInstanceStats } from "./stream-instance-stats.ts";
import { updateHost } from "./update-host.ts";
import { updateInstance } from "./update-instance.ts";
import { updateMirror } from "./update-mirror.ts";
import { updateProject } from "./update-project.ts";
import { watch } from "./watch.ts";

/** Known methods only: a missing one is a compile error. */
type Handlers = { [K in keyof ComputeServiceServer as string extends K ? never : K]: ComputeServiceServer[K] };

export function computeHandlers(ctx: ComputeContext): Handlers {
  const { streams } = ctx;
  return {
    createProject: createProject(ctx),
    getProject: getProject(ctx),
    listProjects: listProjects(ctx),
    updateProject: updateProject(ctx),
    deleteProject: deleteProject(ctx),
    getHost: getHost(ctx),
    listHosts: listHosts(ctx),
    updateHost: updateHost(ctx),
    createMirror: createMirror(ctx),
    getMirror: getMirror(ctx),
    listMirrors: listMirrors(ctx),
    updateMirror: updateMirror(ctx),
    deleteMirror: deleteMirror(ctx),
    createInstance: createInstance(ctx),
    getInstance: getInstance(ctx),
    listInstances: listInstances(ctx),
    updateInstance: updateInstance(ctx),
    deleteInstance: deleteInstance(ctx),
    startInstance: startInstance(ctx),
    stopInstance: stopInstance(ctx),
    restartInstance: restartInstance(ctx),
    pauseInstance: pauseInstance(ctx),
    resumeInstance: resumeInstance(ctx),
    resizeInstance: resizeInstance(ctx),
    execInstance: execInstance(streams),
    streamInstanceLogs: streamInstanceLogs(streams),
    streamInstanceStats: streamInstanceStats(streams),
    copyToInstance: copyToInstance(streams),
    copyFromInstance: copyFromInstance(streams),
    getInstanceDockerEnv: getInstanceDockerEnv(ctx),
    watch: watch(ctx),
  };
}
