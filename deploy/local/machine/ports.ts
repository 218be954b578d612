import { createServer } from "node:net";
import type { Ports } from "../options.ts";

const HELP: Partial<Record<keyof Ports, string>> = {
  http: "choose another with --http-port",
  grpc: "choose another with --grpc-port",
};
const INNER_HELP = "one that is used inside; it moves along with --grpc-port";

/** Why the port cannot be listened on; undefined when it can. */
export function portProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: "is in use by another program",
        EACCES: "may be opened only by root",
        EADDRNOTAVAIL: "cannot be opened: this machine has no such address",
      };
      resolve(`port ${port} on ${host} ${reasons[error.code ?? ""] ?? `cannot be opened: ${error.message}`}`);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** What keeps the realm from its ports, each with the option that moves it. */
export async function portProblems(host: string, ports: Readonly<Partial<Ports>>): Promise<string[]> {
  const problems: string[] = [];
  for (const [name, port] of Object.entries(ports)) {
    const problem = await portProblem(host, port);
    if (problem !== undefined) problems.push(`${problem}: ${HELP[name as keyof Ports] ?? INNER_HELP}`);
  }
  return problems;
}
