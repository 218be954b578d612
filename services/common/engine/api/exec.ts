import type { Socket } from "node:net";
import type Docker from "dockerode";
import type { CallOptions, Engine } from "../engine.ts";

type Limits = Pick<CallOptions, "timeoutMs" | "signal">;

/** Makes an exec in a running container; it begins with startExec. FAILED_PRECONDITION when the container does not run. */
export async function createExec(
  engine: Engine,
  container: string,
  body: Omit<Docker.ExecCreateOptions, "abortSignal">,
  limits: Limits = {},
): Promise<string> {
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  return (await engine.call<{ Id: string }>("POST", path, { ...limits, body })).Id;
}

/** Starts the exec; the connection carries its input and (multiplexed unless it has a terminal) its output. */
export function startExec(
  engine: Engine,
  id: string,
  options: { tty: boolean; consoleSize?: [rows: number, columns: number] },
  limits: Limits = {},
): Promise<Socket> {
  const size = options.tty && options.consoleSize ? { ConsoleSize: options.consoleSize } : {};
  return engine.hijack(`/exec/${id}/start`, { ...limits, body: { Detach: false, Tty: options.tty, ...size } });
}

export async function resizeExec(
  engine: Engine,
  id: string,
  size: { rows: number; columns: number },
  limits: Limits = {},
): Promise<void> {
  await engine.call("POST", `/exec/${id}/resize`, { ...limits, query: { h: size.rows, w: size.columns } });
}

export function inspectExec(engine: Engine, id: string, limits: Limits = {}): Promise<Docker.ExecInspectInfo> {
  return engine.call("GET", `/exec/${id}/json`, limits);
}
