import type Docker from "dockerode";
import type { CallOptions, Engine } from "../engine.ts";
import { isEngineNotFound } from "../errors.ts";

type Limits = Pick<CallOptions, "timeoutMs" | "signal">;

export async function listVolumes(engine: Engine, limits: Limits = {}): Promise<Docker.VolumeInspectInfo[]> {
  const answer = await engine.call<{ Volumes: Docker.VolumeInspectInfo[] | null }>("GET", "/volumes", limits);
  return answer.Volumes ?? [];
}

/** Undefined when it is not there. */
export async function findVolume(
  engine: Engine,
  name: string,
  limits: Limits = {},
): Promise<Docker.VolumeInspectInfo | undefined> {
  try {
    return await engine.call("GET", `/volumes/${encodeURIComponent(name)}`, limits);
  } catch (error) {
    if (isEngineNotFound(error)) return undefined;
    throw error;
  }
}

/** Returns the one that exists when the name is taken by the same driver. */
export function createVolume(
  engine: Engine,
  body: Omit<Docker.VolumeCreateOptions, "abortSignal">,
  limits: Limits = {},
): Promise<Docker.VolumeCreateResponse> {
  return engine.call("POST", "/volumes/create", { ...limits, body });
}

/** False when it was not there. */
export async function removeVolume(engine: Engine, name: string, limits: Limits = {}): Promise<boolean> {
  try {
    await engine.call("DELETE", `/volumes/${encodeURIComponent(name)}`, { ...limits, query: { force: false } });
    return true;
  } catch (error) {
    if (isEngineNotFound(error)) return false;
    throw error;
  }
}
