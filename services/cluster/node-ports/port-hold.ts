import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { PortRule } from "./rules.ts";

interface Held {
  release(): Promise<void>;
}

/**
 * Sockets that keep ports of the host from other processes while they lead to nodes: what was meant for those the kernel would lead past them. What
 * comes to these in spite of the rules is turned away. SCTP has none.
 */
export class PortHold {
  /** By cluster's uid, then by port. */
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #onError: (error: Error) => void;

  /** `onError`: of a socket that is held. */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  /** Holds these for the cluster and no others. Gives the ports that other processes have. */
  async keep(uid: string, ports: readonly PortRule[]): Promise<PortRule[]> {
    const held = this.#held.get(uid) ?? new Map<string, Held>();
    this.#held.set(uid, held);
    const wanted = new Map(ports.map((port) => [keyOf(port), port]));
    for (const [key, each] of held) {
      if (wanted.has(key)) continue;
      held.delete(key);
      await each.release();
    }
    const lost: PortRule[] = [];
    for (const [key, port] of wanted) {
      if (held.has(key) || port.protocol === "sctp") continue;
      const hold = port.protocol === "udp" ? holdUdp : holdTcp;
      const socket = await hold(port, this.#onError);
      if (socket) held.set(key, socket);
      else lost.push(port);
    }
    return lost;
  }

  async release(uid: string): Promise<void> {
    await this.keep(uid, []);
    this.#held.delete(uid);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((uid) => this.release(uid)));
  }
}

function keyOf({ hostIp, hostPort, protocol }: PortRule): string {
  return `${protocol} ${hostIp} ${hostPort}`;
}

type Hold = (port: PortRule, onError: (error: Error) => void) => Promise<Held | undefined>;

const holdTcp: Hold = async ({ hostIp, hostPort }, onError) => {
  const server = createServer((socket) => socket.destroy());
  server.listen({ host: hostIp, port: hostPort, exclusive: true });
  if (!(await isHeld(once(server, "listening")))) return undefined;
  server.on("error", onError).unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
};

const holdUdp: Hold = async ({ hostIp, hostPort }, onError) => {
  const socket = createSocket("udp4");
  socket.bind({ address: hostIp, port: hostPort, exclusive: true });
  if (!(await isHeld(once(socket, "listening")))) return undefined;
  socket.on("error", onError).unref();
  return { release: () => new Promise((resolve) => socket.close(() => resolve())) };
};

/** False where another has the port, or the host has not the address. */
async function isHeld(listening: Promise<unknown>): Promise<boolean> {
  try {
    await listening;
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EADDRNOTAVAIL") throw error;
    return false;
  }
}
