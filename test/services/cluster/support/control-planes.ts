import { Agent, request } from "node:https";
import type { TLSSocket } from "node:tls";
import { askServer, healthAgent } from "../../../../services/cluster/api-address/ask-server.ts";
import { controlPlanesOf } from "../../../../services/cluster/clusters/control-planes.ts";
import { connectEtcd } from "../../../../services/cluster/etcd/connect.ts";
import { API_PORT } from "../../../../services/cluster/pki/paths.ts";
import type { TestClusters } from "./clusters.ts";

const { signal } = new AbortController();

/** Names of the members that have started, in order. */
export async function etcdMembers(clusters: TestClusters, id: string): Promise<string[]> {
  using etcd = await connectEtcd(clusters.engine, controlPlanesOf(await clusters.nodes(id)), signal);
  return (await etcd.members(signal)).map(({ name }) => name).toSorted();
}

/** By a new connection. */
export async function askAddress(host: string): Promise<string> {
  const agent = healthAgent();
  try {
    return await askServer(agent, { host }, signal);
  } finally {
    agent.destroy();
  }
}

export interface Said {
  /** `ready`, `alive`; `none` with the error's text. */
  answer: string;
  error: string;
  /** Names and addresses in the certificate of the server that answered. */
  server: string;
}

/** By the agent's own connection, if it has one. */
export function askOnce(agent: Agent, host: string, timeoutMs: number): Promise<Said> {
  return new Promise((resolve) => {
    const options = { agent, host, port: API_PORT, path: "/readyz", rejectUnauthorized: false, timeout: timeoutMs };
    const call = request(options, (response) => {
      const server = (response.socket as TLSSocket).getPeerCertificate().subjectaltname ?? "";
      response.resume();
      response.once("end", () =>
        resolve({ answer: response.statusCode === 200 ? "ready" : "alive", error: "", server }),
      );
    });
    call.on("timeout", () => call.destroy(new Error("no answer in time")));
    call.on("error", (error: NodeJS.ErrnoException) =>
      resolve({ answer: "none", error: `${error.code} ${error.message}`, server: "" }),
    );
    call.end();
  });
}
