import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

export interface HostPortRequest {
  hostIp: string;
  /** 0: any free one. */
  hostPort: number;
  protocol: string;
}

/**
 * The port of the host, if no process has it; one that is free where it was left open. Rejects with the system's own error (EADDRINUSE,
 * EADDRNOTAVAIL). Of SCTP nothing can be asked: for it TCP's ports are taken as a likeness where any will do.
 */
export async function claimHostPort({ hostIp, hostPort, protocol }: HostPortRequest): Promise<number> {
  if (protocol === "udp") return bindUdp(hostIp, hostPort);
  return protocol === "tcp" || hostPort === 0 ? listenTcp(hostIp, hostPort) : hostPort;
}

async function listenTcp(host: string, port: number): Promise<number> {
  const server = createServer();
  server.listen({ host, port, exclusive: true });
  await once(server, "listening");
  const { port: given } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return given;
}

async function bindUdp(address: string, port: number): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind({ address, port, exclusive: true });
  await once(socket, "listening");
  const { port: given } = socket.address();
  socket.close();
  await once(socket, "close");
  return given;
}
