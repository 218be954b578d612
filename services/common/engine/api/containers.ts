import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { readJson } from "../body.ts";
import type { CallOptions, Engine } from "../engine.ts";
import { isEngineNotFound } from "../errors.ts";

type Limits = Pick<CallOptions, "timeoutMs" | "signal">;

/** Body of POST /containers/create. */
export type ContainerCreateBody = Omit<
  Docker.ContainerCreateOptions,
  "name" | "platform" | "abortSignal" | "HostConfig"
> & { HostConfig?: Docker.HostConfig & { CgroupnsMode?: "private" | "host" } };

/** Id of the container. ALREADY_EXISTS when the name is taken, NOT_FOUND when the image is not there. */
export async function createContainer(
  engine: Engine,
  name: string,
  body: ContainerCreateBody,
  limits: Limits = {},
): Promise<{ Id: string; Warnings: string[] | null }> {
  return engine.call("POST", "/containers/create", { ...limits, query: { name }, body });
}

/** By name or id. NOT_FOUND when it is not there. */
export function inspectContainer(
  engine: Engine,
  ref: string,
  limits: Limits = {},
): Promise<Docker.ContainerInspectInfo> {
  return engine.call("GET", `/containers/${encodeURIComponent(ref)}/json`, limits);
}

/** As inspectContainer, but undefined when it is not there. */
export async function findContainer(
  engine: Engine,
  ref: string,
  limits: Limits = {},
): Promise<Docker.ContainerInspectInfo | undefined> {
  try {
    return await inspectContainer(engine, ref, limits);
  } catch (error) {
    if (isEngineNotFound(error)) return undefined;
    throw error;
  }
}

/** Running or not. `filters` as in the engine's API: `{ label: ["gantry.dev/kind=instance"] }`. */
export function listContainers(
  engine: Engine,
  filters: Record<string, string[]> = {},
  limits: Limits = {},
): Promise<Docker.ContainerInfo[]> {
  return engine.call("GET", "/containers/json", { ...limits, query: { all: true, filters } });
}

/** Does nothing when it runs already. */
export async function startContainer(engine: Engine, ref: string, limits: Limits = {}): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/start`, limits);
}

/** The stop signal, then after `stopTimeoutSeconds` the kill signal. Does nothing when it does not run. */
export async function stopContainer(
  engine: Engine,
  ref: string,
  stopTimeoutSeconds: number,
  limits: Limits = {},
): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/stop`, {
    ...limits,
    query: { t: stopTimeoutSeconds },
  });
}

/** Stop and start; as stopContainer when it runs, as startContainer when not. */
export async function restartContainer(
  engine: Engine,
  ref: string,
  stopTimeoutSeconds: number,
  limits: Limits = {},
): Promise<void> {
  const query = { t: stopTimeoutSeconds };
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/restart`, { ...limits, query });
}

/** `signal` as `SIGTERM`. FAILED_PRECONDITION when it does not run. */
export async function killContainer(engine: Engine, ref: string, signal: string, limits: Limits = {}): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/kill`, { ...limits, query: { signal } });
}

export async function pauseContainer(engine: Engine, ref: string, limits: Limits = {}): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/pause`, limits);
}

export async function unpauseContainer(engine: Engine, ref: string, limits: Limits = {}): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/unpause`, limits);
}

/** Waits for the end of the main process; resolves to its exit code. Give `timeoutMs` the time it may take. */
export async function waitContainer(engine: Engine, ref: string, limits: Limits = {}): Promise<number> {
  const path = `/containers/${encodeURIComponent(ref)}/wait`;
  // Not on the connections for short calls: it may take long.
  const answer = await engine.stream("POST", path, { ...limits, whole: true, query: { condition: "not-running" } });
  return ((await readJson(answer)) as { StatusCode: number }).StatusCode;
}

/** New limits or restart policy, without a restart. */
export async function updateContainer(
  engine: Engine,
  ref: string,
  body: Record<string, unknown>,
  limits: Limits = {},
): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/update`, { ...limits, body });
}

/** ALREADY_EXISTS when the name is taken. */
export async function renameContainer(engine: Engine, ref: string, name: string, limits: Limits = {}): Promise<void> {
  await engine.call("POST", `/containers/${encodeURIComponent(ref)}/rename`, { ...limits, query: { name } });
}

/** Kills it and removes it with its anonymous volumes. False when it was not there (or is being removed by another call). */
export async function removeContainer(engine: Engine, ref: string, limits: Limits = {}): Promise<boolean> {
  try {
    await engine.call("DELETE", `/containers/${encodeURIComponent(ref)}`, {
      ...limits,
      query: { force: true, v: true },
    });
    return true;
  } catch (error) {
    if (isEngineNotFound(error)) return false;
    throw error;
  }
}

/** A tar archive of the path. NOT_FOUND when container or path is not there. */
export function getArchive(engine: Engine, ref: string, path: string, limits: Limits = {}): Promise<IncomingMessage> {
  return engine.stream("GET", `/containers/${encodeURIComponent(ref)}/archive`, { ...limits, query: { path } });
}

/** Unpacks a tar archive into the folder `path`, which must exist. `timeoutMs` is for the whole transfer. */
export async function putArchive(
  engine: Engine,
  ref: string,
  path: string,
  archive: Readable,
  limits: Limits = {},
): Promise<void> {
  const options = { ...limits, query: { path, noOverwriteDirNonDir: true }, upload: archive };
  await engine.call("PUT", `/containers/${encodeURIComponent(ref)}/archive`, options);
}
