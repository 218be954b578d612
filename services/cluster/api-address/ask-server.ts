import { Agent, request } from "node:https";
import { API_PORT } from "../pki/paths.ts";
import { API_SERVER_NAME } from "../kubernetes/target.ts";
import type { Answer } from "./health.ts";

const TIMEOUT_MS = 1_000;
/** Everything below says that the server does what it is asked, or knows the caller not: that it works. */
const FIRST_SERVER_ERROR = 500;

/** Who it is does not matter: it is told nothing, and asked only whether it works. One connection is kept for each server. */
export function healthAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1, servername: API_SERVER_NAME, rejectUnauthorized: false });
}

export interface Server {
  host: string;
  port?: number;
}

/** Whether an API server at that address takes requests. Never rejects. */
export function askServer(agent: Agent, { host, port = API_PORT }: Server, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const call = request({ agent, host, port, path: "/readyz", signal }, (response) => {
      response.resume();
      response.once("close", () => clearTimeout(timer));
      resolve((response.statusCode ?? FIRST_SERVER_ERROR) < FIRST_SERVER_ERROR ? "ready" : "alive");
    });
    // Its connection is not used again: the next look makes a new one.
    const timer = setTimeout(() => call.destroy(new Error("no answer in time")), TIMEOUT_MS);
    call.on("error", () => {
      clearTimeout(timer);
      resolve("none");
    });
    call.end();
  });
}
