// The floor: nothing but ws, the same bytes framed once and coalesced per turn.
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import { frameText } from "../../../gateway/mirror/frame-bytes.ts";
import { BACKLOG_BYTES, nowStamp, serve } from "./publisher.ts";

const PAD = "x".repeat(34);

serve(async () => {
  const sockets: Socket[] = [];
  const wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: () => "mirror.v1.json",
  });
  const server = createServer();
  let s = 1;
  server.on("upgrade", (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => {
      ws.on("message", (data: Buffer) => {
        if (!data.includes('"subscribe"')) return;
        socket.write(
          frameText(`{"t":"synced","m":"projects/default","e":"AAAAAAAAAAAA","s":${s},"digest":"0000000000000000"}`),
        );
        sockets.push(socket as Socket);
      });
      ws.on("error", () => ws.terminate());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    token: "none",
    ready: () => sockets.every((socket) => socket.writableLength <= BACKLOG_BYTES),
    behind: () => 0,
    publish(count) {
      const frames: Buffer[] = [];
      for (let i = 0; i < count; i++) {
        const n = ++s;
        frames.push(
          frameText(
            `{"t":"delta","m":"projects/default","e":"AAAAAAAAAAAA","s":${n},"o":"compute","ops":[{"op":"patch","k":"projects/default/instances/i${n % 100}",` +
              `"v":"log1.${n}","p":{"meta":{"version":"${n}"},"spec":{"hostname":"${nowStamp()}","image":"${PAD.slice(0, 14)}"}}}]}`,
          ),
        );
      }
      const buffer = Buffer.concat(frames);
      for (const socket of sockets) socket.write(buffer);
    },
  };
});
