import { createServer } from "node:net";

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
