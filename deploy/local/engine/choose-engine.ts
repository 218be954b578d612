import { existsSync } from "node:fs";
import { Engine } from "../../../services/common/engine/engine.ts";
import { tryPrivileged } from "./try-privileged.ts";

const USUAL_SOCKET = "/var/run/docker.sock";
const PING_TIMEOUT_MS = 5_000;

export type EngineChoice =
  | { kind: "found"; socket: string; version: string }
  /** One of our own; `reason` says why none that is there does. */
  | { kind: "private"; reason: string }
  | { kind: "unusable"; problem: string };

export interface EngineWish {
  engineSocket: string | undefined;
  dockerHost: string | undefined;
}

/** Looks for an engine on this machine that can do the work, and tries it. Never changes one. */
export async function chooseEngine({ engineSocket, dockerHost }: EngineWish): Promise<EngineChoice> {
  if (engineSocket !== undefined) {
    const result = await tryEngine(engineSocket);
    // Who names an engine would not want to find another in use.
    if ("problem" in result)
      return { kind: "unusable", problem: `the engine at GANTRY_ENGINE_SOCKET=${engineSocket} ${result.problem}` };
    return { kind: "found", socket: engineSocket, version: result.version };
  }
  const reasons: string[] = [];
  for (const socket of new Set([...localSocket(dockerHost), USUAL_SOCKET])) {
    if (!existsSync(socket)) continue;
    const result = await tryEngine(socket);
    if ("version" in result) return { kind: "found", socket, version: result.version };
    reasons.push(`the one at ${socket} ${result.problem}`);
  }
  return { kind: "private", reason: reasons.length === 0 ? "no container engine runs here" : reasons.join("; ") };
}

/** A remote engine cannot be this host's. */
function localSocket(dockerHost: string | undefined): string[] {
  return dockerHost?.startsWith("unix://") ? [dockerHost.slice("unix://".length)] : [];
}

async function tryEngine(socketPath: string): Promise<{ version: string } | { problem: string }> {
  const engine = new Engine({ socketPath });
  try {
    await engine.ping({ timeoutMs: PING_TIMEOUT_MS });
    const { engine: about } = await engine.version();
    const refusal = await tryPrivileged(engine);
    if (refusal !== undefined) return { problem: `cannot run privileged containers: ${refusal}` };
    return { version: about.Version ?? "of unknown version" };
  } catch (error) {
    return { problem: `does not answer: ${(error as Error).message}` };
  } finally {
    engine.close();
  }
}
