import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { batch, instanceEvent, projectEvent, startTestGateway, until, type TestGateway } from "../support.ts";
import { Replica, type MirrorFrame } from "../../../gateway/mirror/replica.ts";
import { RawSocket } from "./raw-socket.ts";

let gateway: TestGateway;
let revision = 10;
const TEXT = "x".repeat(3_000);
const STALLED_MS = 700;

beforeEach(async (test) => {
  const stalledMs = test.name.includes("nothing at all") ? STALLED_MS : 60_000;
  gateway = await startTestGateway({ limits: { stalledMs, sweepIntervalMs: 50 }, bookmarkIntervalMs: 100_000 });
  gateway.tracker.connected();
  gateway.tracker.batch(batch([projectEvent("default", 1), instanceEvent("web", 3)]));
  gateway.tracker.batch(batch([], { revision: 3n, synced: true }));
});
afterEach(() => gateway.stop());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes `count` changes, a turn of the event loop each, over `keys` instances. */
async function changes(count: number, keys: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const event = instanceEvent(`i${i % keys}`, ++revision, { spec: { command: [TEXT, String(i)] } });
    gateway.tracker.batch(batch([event], { revision: BigInt(revision) }));
    await turn();
  }
}

const ofMirror = (frame: Record<string, unknown>): boolean =>
  frame["m"] === "projects/default" && frame["t"] !== "reply";

async function stalled(): Promise<RawSocket> {
  const socket = await RawSocket.open(gateway.http.address);
  await socket.hello(await gateway.token());
  socket.json({ t: "subscribe", id: 2, m: "projects/default" });
  await socket.next((frame) => frame["t"] === "reply" && frame["id"] === 2);
  while (!socket.frames.some((frame) => frame.payload.includes('"synced"'))) await turn();
  socket.socket.pause();
  return socket;
}

test("one that does not read costs a bounded amount, and gets the compacted rest when it does", async () => {
  const steady = gateway.client();
  await steady.start();
  const slow = await stalled();
  await changes(6_000, 20);
  const behind = [...gateway.mirrors.catalog.find("projects/default")!.sinks()].map((sink) => sink.unsentBytes);
  assert.ok(Math.max(...behind) > 256 * 1024, "it lags");
  assert.ok(Math.max(...behind) < 512 * 1024, `${Math.max(...behind)} bytes are queued`);
  await until(steady, () => steady.replica.s === gateway.mirrors.catalog.find("projects/default")!.mirror.s);
  assert.equal(steady.counts.resumed, 0, "the others are never held up");

  slow.socket.resume();
  const replica = new Replica();
  let resumed = 0;
  let deltas = 0;
  while (!(replica.synced && replica.s === steady.replica.s)) {
    const frame = (await slow.next(ofMirror)) as unknown as MirrorFrame;
    if (frame.t === "resumed") resumed++;
    if (frame.t === "delta") deltas++;
    replica.apply(frame);
  }
  assert.equal(resumed, 1);
  assert.ok(deltas < 6_000, `${deltas} deltas instead of 6,000`);
  assert.equal(replica.digest, steady.replica.digest);
  assert.equal(replica.size, steady.replica.size);
  slow.destroy();
  steady.close();
});

test("one that takes nothing at all is closed with the code that says resume; coming back it resumes", async () => {
  const slow = await stalled();
  await changes(4_000, 20);
  const startedMs = performance.now();
  while (gateway.sockets.connections > 0 && performance.now() - startedMs < 5_000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(gateway.sockets.connections, 0);
  // What the kernel held and the close frame behind it can be read still, unless the connection was cut meanwhile.
  slow.socket.resume();
  const code = await slow.closed();
  assert.ok(code === 4001 || code === undefined, String(code));

  const replica = new Replica();
  for (const { payload } of slow.frames) {
    const frame = JSON.parse(payload.toString()) as MirrorFrame;
    if (frame.m === "projects/default" && (frame.t as string) !== "reply") replica.apply(frame);
  }
  const { mirror } = gateway.mirrors.catalog.find("projects/default")!;
  assert.ok(replica.s < mirror.s, "it has missed something");
  replica.synced = false;
  const again = await RawSocket.open(gateway.http.address);
  await again.hello(await gateway.token());
  again.json({ t: "subscribe", id: 2, m: "projects/default", ...replica.position });
  let resumed = false;
  while (!replica.synced) {
    const frame = (await again.next(ofMirror)) as unknown as MirrorFrame;
    resumed ||= frame.t === "resumed";
    replica.apply(frame);
  }
  assert.ok(resumed);
  assert.equal(replica.s, mirror.s);
  assert.equal(replica.digest, mirror.digest);
  again.destroy();
});

test("a slow joiner of a large mirror: parts as fast as it reads, changes meanwhile are not lost", async () => {
  await changes(3_000, 3_000);
  const joiner = await RawSocket.open(gateway.http.address);
  await joiner.hello(await gateway.token());
  joiner.json({ t: "subscribe", id: 2, m: "projects/default" });
  await joiner.next((frame) => frame["t"] === "reply" && frame["id"] === 2);
  const replica = new Replica();
  const channel = gateway.mirrors.catalog.find("projects/default")!;
  let parts = 0;
  while (!(replica.synced && replica.s === channel.mirror.s)) {
    joiner.socket.pause();
    if (parts < 40) await changes(10, 3_000);
    joiner.socket.resume();
    const frame = (await joiner.next(ofMirror)) as unknown as MirrorFrame;
    if (frame.t === "snapshot") {
      parts++;
      assert.ok(JSON.stringify(frame).length <= 256 * 1024);
    }
    replica.apply(frame);
  }
  assert.ok(parts >= 30, `${parts} parts`);
  assert.equal(replica.digest, channel.mirror.digest);
  joiner.destroy();
});
