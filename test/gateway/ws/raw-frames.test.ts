import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { frameText } from "../../../gateway/mirror/frame-bytes.ts";
import packageJson from "../../../package.json" with { type: "json" };
import wsPackage from "ws/package.json" with { type: "json" };

// Sessions write whole frames to the socket that ws writes to as well. That rests on how ws is made; these tests fail when it changes.

/** What is written to the socket when ws sends by itself. */
async function written(act: (ws: WebSocket, socket: Socket) => unknown): Promise<Buffer[]> {
  const server = createServer();
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
  const accepted = Promise.withResolvers<[WebSocket, Socket]>();
  server.on("upgrade", (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => accepted.resolve([ws, socket as Socket]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    perMessageDeflate: false,
  });
  const [[ws, socket]] = await Promise.all([accepted.promise, once(client, "open")]);
  const chunks: Buffer[] = [];
  const write = socket.write.bind(socket) as (chunk: Buffer | string, ...rest: unknown[]) => boolean;
  socket.write = ((chunk: Buffer | string, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as string));
    return write(chunk, ...rest);
  }) as typeof socket.write;
  await act(ws, socket);
  ws.on("error", () => undefined);
  client.on("error", () => undefined);
  ws.terminate();
  if (client.readyState !== WebSocket.CLOSED) await once(client, "close");
  server.close();
  server.closeAllConnections();
  return chunks;
}

test("the version of ws is pinned", () => {
  assert.equal(packageJson.dependencies.ws, wsPackage.version);
});

test("a frame made here is byte for byte what ws sends, at each length form", async () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
    const text = "ü".repeat(length >> 1) + "x".repeat(length & 1);
    const chunks = await written((ws) => ws.send(text));
    assert.ok(Buffer.concat(chunks).equals(frameText(text)), `${length} bytes`);
  }
});

test("ws writes each frame of its own at once, so none of ours can get inside it", async () => {
  const chunks = await written((ws, socket) => {
    ws.send("one");
    socket.write(frameText("two"));
    ws.ping();
    socket.write(frameText("three"));
    ws.pong();
    ws.close(4000, "bye");
  });
  const bytes = Buffer.concat(chunks);
  const expected = Buffer.concat([
    frameText("one"),
    frameText("two"),
    Buffer.from([0x89, 0]),
    frameText("three"),
    Buffer.from([0x8a, 0]),
    Buffer.from([0x88, 5, 0x0f, 0xa0]),
    Buffer.from("bye"),
  ]);
  assert.ok(bytes.equals(expected), bytes.toString("hex"));
});

test("many frames in one write arrive as many messages, between those of ws", async () => {
  const server = createServer();
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
  server.on("upgrade", (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => {
      ws.send("0");
      socket.write(Buffer.concat([frameText("1"), frameText("2".repeat(70_000)), frameText("3")]));
      ws.send("4");
      ws.close(1000);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const messages: string[] = [];
  client.on("message", (data: Buffer) => messages.push(data.toString().slice(0, 1)));
  await once(client, "close");
  assert.deepEqual(messages, ["0", "1", "2", "3", "4"]);
  server.close();
});

test("the socket given to the upgrade is the one ws writes to, and tells what is unsent", async () => {
  const chunks = await written((ws, socket) => {
    ws.pause();
    ws.send("x");
    assert.equal(typeof socket.writableLength, "number");
    assert.equal(typeof socket.bytesWritten, "number");
  });
  assert.ok(chunks.length > 0);
});
