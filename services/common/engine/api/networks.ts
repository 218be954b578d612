import type Docker from "dockerode";
import type { CallOptions, Engine } from "../engine.ts";
import { isEngineNotFound } from "../errors.ts";

type Limits = Pick<CallOptions, "timeoutMs" | "signal">;

export function listNetworks(engine: Engine, limits: Limits = {}): Promise<Docker.NetworkInspectInfo[]> {
  return engine.call("GET", "/networks", limits);
}

/** By name or id; undefined when it is not there. */
export async function findNetwork(
  engine: Engine,
  ref: string,
  limits: Limits = {},
): Promise<Docker.NetworkInspectInfo | undefined> {
  try {
    return await engine.call("GET", `/networks/${encodeURIComponent(ref)}`, limits);
  } catch (error) {
    if (isEngineNotFound(error)) return undefined;
    throw error;
  }
}

export function createNetwork(
  engine: Engine,
  body: Omit<Docker.NetworkCreateOptions, "abortSignal">,
  limits: Limits = {},
): Promise<{ Id: string; Warning: string }> {
  return engine.call("POST", "/networks/create", { ...limits, body });
}

/** False when it was not there. */
export async function removeNetwork(engine: Engine, ref: string, limits: Limits = {}): Promise<boolean> {
  try {
    await engine.call("DELETE", `/networks/${encodeURIComponent(ref)}`, limits);
    return true;
  } catch (error) {
    if (isEngineNotFound(error)) return false;
    throw error;
  }
}

export async function connectNetwork(
  engine: Engine,
  ref: string,
  body: Docker.NetworkConnectOptions,
  limits: Limits = {},
): Promise<void> {
  await engine.call("POST", `/networks/${encodeURIComponent(ref)}/connect`, { ...limits, body });
}

export async function disconnectNetwork(
  engine: Engine,
  ref: string,
  body: { Container: string; Force?: boolean },
  limits: Limits = {},
): Promise<void> {
  await engine.call("POST", `/networks/${encodeURIComponent(ref)}/disconnect`, { ...limits, body });
}
