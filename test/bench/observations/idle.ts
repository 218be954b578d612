import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { MIRROR_PATH, SUBPROTOCOL } from "../../../gateway/ws/socket-server.ts";
import { memoryOf } from "../process/memory.ts";
import type { ObserverStart } from "./observer.ts";

/** A framed snapshot is kept for a while for others who join. */
const SETTLE_MS = 35_000;
/** At the same time: what is measured is how they are held, not how they come. */
const JOINING = 20;

/** Bytes of the gateway's own memory for each of `count` observers that are subscribed and get nothing. */
export async function idleObservers(start: ObserverStart, gatewayPid: number, count: number): Promise<number> {
  const before = await memoryOf(gatewayPid);
  const sockets: WebSocket[] = [];
  try {
    for (let i = 0; i < count; i += JOINING) {
      sockets.push(...(await Promise.all(Array.from({ length: Math.min(JOINING, count - i) }, () => join(start)))));
    }
    await delay(SETTLE_MS);
    const after = await memoryOf(gatewayPid);
    return (after.privateBytes - before.privateBytes) / count;
  } finally {
    for (const socket of sockets) socket.terminate();
  }
}

async function join({ url, token, ca }: ObserverStart): Promise<WebSocket> {
  const socket = new WebSocket(new URL(MIRROR_PATH, url), SUBPROTOCOL, { ca, perMessageDeflate: false });
  await once(socket, "open");
  socket.send(JSON.stringify({ t: "hello", token, id: 1 }));
  await once(socket, "message");
  socket.send(JSON.stringify({ t: "subscribe", m: "projects/default", id: 2 }));
  await new Promise<void>((resolve, reject) => {
    socket.on("message", (data: Buffer) => {
      if (data.subarray(0, 64).includes('"synced"')) resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the gateway closed an observer's connection")));
  });
  return socket;
}
