import { once } from "node:events";
import { createServer } from "node:net";

/** A TCP port of the host that nothing listens on at that address. */
export async function freePort(address: string): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
