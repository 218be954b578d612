import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as tcp } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { importJWK, SignJWT, type JWK } from "jose";
import { originAllowed } from "../../../gateway/ws/origin.ts";
import { batch, instanceEvent, projectEvent, startTestGateway, type TestGateway } from "../support.ts";
import { RawSocket } from "./raw-socket.ts";

let gateway: TestGateway;
const open = new Set<RawSocket>();

before(async () => {
  gateway = await startTestGateway({
    limits: {
      helloTimeoutMs: 300,
      sweepIntervalMs: 50,
      framesPerSecond: 50,
      framesBurst: 60,
      clockLeewayMs: 0,
      frameBytesMax: 64 * 1024,
      subscriptionsMax: 2,
    },
  });
  gateway.tracker.connected();
  gateway.tracker.batch(batch([projectEvent("default", 1), projectEvent("other", 2), instanceEvent("web", 3)]));
  gateway.tracker.batch(batch([], { revision: 3n, synced: true }));
});
afterEach(() => {
  for (const socket of open) socket.destroy();
  open.clear();
});
after(async () => {
  // Whatever was done to it, it still serves.
  const client = gateway.client();
  await client.start();
  await gateway.stop();
  assert.equal(gateway.mirrors.catalog.find("projects/default")!.observers, 0);
});

async function connect(headers?: Record<string, string>): Promise<RawSocket> {
  const socket = await RawSocket.open(gateway.http.address, headers);
  open.add(socket);
  return socket;
}

async function greeted(claims = {}): Promise<RawSocket> {
  const socket = await connect();
  await socket.hello(await gateway.token(claims));
  return socket;
}

const reasonOf = (frame: Record<string, unknown>): string =>
  (frame["error"] as { details: { reason: string }[] }).details[0]!.reason;
const codeOf = (frame: Record<string, unknown>): number => (frame["error"] as { code: number }).code;

test("no hello: closed in time", async () => {
  const socket = await connect();
  assert.equal(await socket.closed(), 4012);
});

test("another frame before hello: refused", async () => {
  const socket = await connect();
  socket.json({ t: "subscribe", id: 1, m: "projects/default" });
  assert.equal(reasonOf(await socket.error()), "UNAUTHENTICATED");
  assert.equal(await socket.closed(), 4011);
});

test("tokens that are none, forged, of another realm, expired", async () => {
  const foreign = await startTestGateway();
  const [head, body] = (await gateway.token()).split(".");
  const tokens: [unknown, string][] = [
    ["", "TOKEN_INVALID"],
    ["x.y.z", "TOKEN_INVALID"],
    [`${head}.${body}.AAAA`, "TOKEN_INVALID"],
    ["a".repeat(20_000), "TOKEN_INVALID"],
    [await foreign.token(), "TOKEN_INVALID"],
    [await endedToken(gateway.keys.privateJwk), "TOKEN_EXPIRED"],
    [7, "INVALID_ARGUMENT"],
    [undefined, "UNAUTHENTICATED"],
  ];
  await foreign.stop();
  for (const [token, reason] of tokens) {
    const socket = await connect();
    socket.json({ t: "hello", id: 1, token });
    const error = await socket.error();
    assert.equal(reasonOf(error), reason);
    assert.equal(error["id"], 1);
    assert.equal(await socket.closed(), 4011);
  }
});

test("a token that ends: warned, told, closed with the code for it; refresh goes on", async () => {
  const [ends, refreshed] = [await greeted({ ttlMs: 2_000 }), await greeted({ ttlMs: 2_000 })];
  assert.ok((await ends.next((frame) => frame["t"] === "expiring"))["expires"]);
  refreshed.json({ t: "refresh", id: 5, token: await gateway.token() });
  await refreshed.next((frame) => frame["t"] === "reply" && frame["id"] === 5);
  assert.equal(reasonOf(await ends.error()), "TOKEN_EXPIRED");
  assert.equal(await ends.closed(), 4010);
  refreshed.json({ t: "subscribe", id: 6, m: "projects/default" });
  await refreshed.next((frame) => frame["t"] === "synced");
});

test("refresh: another subject is refused, fewer roles end subscriptions", async () => {
  const socket = await greeted();
  socket.json({ t: "subscribe", id: 2, m: "projects/default" });
  await socket.next((frame) => frame["t"] === "synced");
  socket.json({ t: "refresh", id: 3, token: await gateway.token({ subject: "bob" }) });
  assert.equal(reasonOf(await socket.error()), "PERMISSION_DENIED");
  socket.json({ t: "refresh", id: 4, token: await gateway.token({ roles: {} }) });
  const gone = await socket.next((frame) => frame["t"] === "error" && frame["m"] === "projects/default");
  assert.ok(typeof gone["e"] === "string" && typeof gone["s"] === "number", "as every push of a mirror");
  assert.equal(reasonOf(gone), "PERMISSION_DENIED");
  socket.json({ t: "unsubscribe", id: 5, m: "projects/default" });
  assert.equal(reasonOf(await socket.error()), "NOT_SUBSCRIBED");
});

test("other projects' mirrors: denied, whether they exist or not", async () => {
  const socket = await greeted();
  const expected: [string, string][] = [
    ["projects/other", "PERMISSION_DENIED"],
    ["projects/nowhere", "PERMISSION_DENIED"],
    ["projects/other/mirrors/m", "PERMISSION_DENIED"],
    ["projects/__proto__", "PERMISSION_DENIED"],
    ["realm", "PERMISSION_DENIED"],
    ["operations", "PERMISSION_DENIED"],
    ["hosts/h1", "PERMISSION_DENIED"],
    ["projects/default/mirrors/none", "NOT_FOUND"],
    ["audit", "NOT_FOUND"],
    ["projects/default/", "NOT_FOUND"],
    ["projects//mirrors/x", "NOT_FOUND"],
    ["../../etc", "NOT_FOUND"],
  ];
  for (const [m, reason] of expected) {
    socket.json({ t: "subscribe", id: m, m });
    const error = await socket.error();
    assert.equal(error["id"], m);
    assert.equal(reasonOf(error), reason, m);
  }
});

test("text that is no frame: an error that says so, and the code for it", async () => {
  const deep = `{"t":"call","body":${"[".repeat(5_000)}${"]".repeat(5_000)}}`;
  for (const text of ["", "{", "null", "[]", '"x"', "12", "{}", '{"t":5}', deep, '{"t":"who","t":"hello"}', "\u0000"]) {
    const socket = await greeted();
    socket.text(text);
    assert.equal(codeOf(await socket.error()), 3, JSON.stringify(text.slice(0, 20)));
    assert.equal(await socket.closed(), 4013);
  }
});

test("frames that are not WebSocket text: closed with the protocol's codes", async () => {
  const cases: [string, number, (socket: RawSocket) => void][] = [
    ["binary", 1003, (socket) => socket.frame(0x82, Buffer.from("{}"))],
    ["not UTF-8", 1007, (socket) => socket.frame(0x81, Buffer.from([0x22, 0xc3, 0x28, 0x22]))],
    ["too big", 1009, (socket) => socket.frame(0x81, Buffer.alloc(64 * 1024 + 1, 0x20))],
    ["reserved opcode", 1002, (socket) => socket.frame(0x83, Buffer.from("{}"))],
    ["compressed without asking", 1002, (socket) => socket.frame(0xc1, Buffer.from("{}"))],
    ["continuation of nothing", 1002, (socket) => socket.frame(0x80, Buffer.from("{}"))],
    ["unmasked", 1002, (socket) => socket.socket.write(Buffer.from([0x81, 2, 0x7b, 0x7d]))],
  ];
  for (const [name, code, send] of cases) {
    const socket = await greeted();
    send(socket);
    assert.equal(await socket.closed(), code, name);
  }
});

test("fields of wrong types: every one is named, the socket stays", async () => {
  const socket = await greeted();
  socket.json({ t: "subscribe", id: 1, m: 5, e: {}, s: -1 });
  const error = await socket.error();
  const details = (error["error"] as { details: { fieldViolations?: { field: string }[] }[] }).details;
  assert.deepEqual(
    details[1]!.fieldViolations!.map((each) => each.field),
    ["m", "e", "s"],
  );
  for (const frame of [
    { t: "subscribe", id: 2, m: "projects/default", e: "x" },
    { t: "subscribe", id: 3, m: "projects/default", e: "x", s: 1.5 },
    { t: "subscribe", id: 4, m: "x".repeat(256) },
    { t: "refresh", id: 5, token: [] },
    { t: "who", id: 6 },
  ]) {
    socket.json(frame);
    assert.equal(codeOf(await socket.error()), 3);
  }
  socket.json({ t: "subscribe", id: 9, m: "projects/default" });
  await socket.next((frame) => frame["t"] === "synced");
});

test("unknown types and names of Object's own are ignored", async () => {
  const socket = await greeted();
  for (const t of ["future", "__proto__", "constructor", "toString", "hasOwnProperty"]) socket.json({ t, id: t });
  socket.json({ t: "subscribe", id: 9, m: "projects/default", fieldOfTheFuture: true });
  const first = await socket.next(() => true);
  assert.equal(first["id"], 9);
});

test("a resume that makes no sense gets a snapshot", async () => {
  for (const from of [
    { e: "no-such-epoch", s: 1 },
    { e: gateway.mirrors.catalog.find("projects/default")!.mirror.epoch, s: 1e15 },
  ]) {
    const socket = await greeted();
    socket.json({ t: "subscribe", id: 2, m: "projects/default", ...from });
    await socket.next((frame) => frame["t"] === "snapshot");
    socket.destroy();
  }
});

test("large frames: read no faster than the limit, whole, and nobody else waits", async () => {
  const slow = await startTestGateway({
    limits: { bytesPerSecond: 1_000_000, bytesBurst: 100_000, frameBytesMax: 1e6 },
  });
  try {
    const socket = await RawSocket.open(slow.http.address);
    open.add(socket);
    await socket.hello(await slow.token());
    const startMs = performance.now();
    for (let i = 0; i < 5; i++) socket.json({ t: "who", id: i, pad: "x".repeat(100_000) });
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await socket.error())["id"]);
    assert.deepEqual(ids, [0, 1, 2, 3, 4], "none is dropped");
    assert.ok(performance.now() - startMs >= 250, `${performance.now() - startMs} ms for 500 KB at 1 MB/s`);
  } finally {
    await slow.stop();
  }
});

test("a large frame before hello: closed", async () => {
  const socket = await connect();
  socket.json({ t: "hello", token: "x", pad: "y".repeat(64 * 1024 - 50) });
  assert.equal(await socket.closed(), 4011);
  const roomy = await startTestGateway();
  try {
    const before = await RawSocket.open(roomy.http.address);
    before.json({ t: "hello", token: await roomy.token(), pad: "y".repeat(64 * 1024) });
    assert.equal(await before.closed(), 1009);
  } finally {
    await roomy.stop();
  }
});

test("more mirrors than a socket may have", async () => {
  const socket = await greeted({ realmAdmin: true });
  for (const m of ["realm", "operations"]) {
    socket.json({ t: "subscribe", id: m, m });
    await socket.next((frame) => frame["t"] === "synced" && frame["m"] === m);
  }
  socket.json({ t: "subscribe", id: 3, m: "projects/default" });
  assert.equal(reasonOf(await socket.error()), "RESOURCE_EXHAUSTED");
  socket.json({ t: "subscribe", id: 4, m: "realm" });
  assert.equal(reasonOf(await socket.error()), "ALREADY_SUBSCRIBED");
});

test("two hellos at once, and one after the other", async () => {
  const token = await gateway.token();
  const twice = await connect();
  twice.json({ t: "hello", id: 1, token });
  twice.json({ t: "hello", id: 2, token });
  assert.equal(reasonOf(await twice.error()), "ALREADY_GREETED");
  const flood = await connect();
  flood.socket.cork();
  for (let i = 0; i < 30; i++) flood.json({ t: "hello", id: i, token });
  flood.socket.uncork();
  assert.equal(await flood.closed(), 4011);
  const again = await greeted();
  again.json({ t: "hello", id: 2, token });
  assert.equal(reasonOf(await again.error()), "ALREADY_GREETED");
});

test("frames behind hello need not wait for its reply", async () => {
  const socket = await connect();
  socket.json({ t: "hello", id: 1, token: await gateway.token() });
  socket.json({ t: "subscribe", id: 2, m: "projects/default" });
  await socket.next((frame) => frame["t"] === "synced");
  const refused = await connect();
  refused.json({ t: "hello", id: 1, token: "x" });
  refused.json({ t: "subscribe", id: 2, m: "projects/default" });
  assert.equal((await refused.error())["id"], 1);
  assert.equal(await refused.closed(), 4011);
  assert.equal(refused.frames.length, 0, "nothing of the mirror");
});

test("upgrades that are refused", async () => {
  const address = gateway.http.address;
  await assert.rejects(RawSocket.open(address, { Origin: "https://evil.example" }), /403/);
  await assert.rejects(RawSocket.open(address, { Origin: "null" }), /403/);
  await assert.rejects(RawSocket.open(address, { "Sec-WebSocket-Protocol": "mirror.v1.proto" }), /400/);
  await assert.rejects(RawSocket.open(address, {}, "/elsewhere"), /404/);
  await assert.rejects(RawSocket.open(address, { "Sec-WebSocket-Version": "99" }), /400|426/);
  await connect({ Origin: `http://${address}` });
  assert.ok(gateway.sockets.connections >= 1);
});

test("a refused upgrade whose other side never closes is gone all the same", async () => {
  const refusing = await startTestGateway();
  const { address, server } = refusing.http;
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) => server.getConnections((error, n) => (error ? reject(error) : resolve(n))));
  const [host, port] = address.split(":") as [string, string];
  const socket = tcp({ host, port: Number(port), allowHalfOpen: true });
  try {
    socket.on("error", () => undefined);
    socket.write(`GET /elsewhere HTTP/1.1\r\nHost: ${address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1.1 404 /);
    const deadlineMs = performance.now() + 3_000;
    while ((await connections()) > 0 && performance.now() < deadlineMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(await connections(), 0);
  } finally {
    socket.destroy();
    await refusing.stop();
  }
});

test("an offer of h2c is let be", async () => {
  const [host, port] = gateway.http.address.split(":") as [string, string];
  const socket = tcp(Number(port), host);
  socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 200 /);
  socket.destroy();
});

test("origins: the gateway's own, as it is reached; those named", () => {
  const check = (origin: string, secure: boolean) => originAllowed({ origin, host: "gw" }, ["https://other"], secure);
  assert.equal(check("https://gw", true), true);
  assert.equal(check("http://gw", true), false, "a page that anyone on the way could have written");
  assert.equal(check("http://gw", false), true);
  assert.equal(check("https://gw", false), true, "something in front encrypts");
  assert.equal(check("https://other", true), true);
  assert.equal(check("https://gw:444", true), false);
  assert.equal(check("null", true), false);
});

test("a client that goes away in the middle of things leaves nothing behind", async () => {
  for (let i = 0; i < 20; i++) {
    const socket = await greeted();
    socket.json({ t: "subscribe", id: 2, m: "projects/default" });
    if (i % 2 === 0) socket.socket.resetAndDestroy();
    else socket.destroy();
  }
  const deadlineMs = performance.now() + 5_000;
  while (gateway.sockets.connections > 0 && performance.now() < deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(gateway.sockets.connections, 0);
  assert.equal(gateway.mirrors.catalog.find("projects/default")!.observers, 0);
});

/** A token that was good until an hour ago. */
async function endedToken(privateJwk: string): Promise<string> {
  const jwk = JSON.parse(privateJwk) as JWK;
  const endS = Math.floor(Date.now() / 1000) - 3_600;
  return new SignJWT({ roles: { default: "viewer" } })
    .setProtectedHeader({ alg: "ES256", kid: jwk.kid! })
    .setIssuer("gantry")
    .setAudience("gantry")
    .setSubject("ann")
    .setJti("ended")
    .setExpirationTime(endS)
    .sign(await importJWK(jwk, "ES256"));
}
