import assert from "node:assert/strict";
import { test } from "node:test";
import { Channel } from "../../../gateway/mirror/channel.ts";
import { Fanout } from "../../../gateway/mirror/fanout.ts";
import { Change, type Item } from "../../../gateway/mirror/item.ts";
import { MIRROR_LIMITS } from "../../../gateway/mirror/limits.ts";
import { Mirror } from "../../../gateway/mirror/mirror.ts";
import { Replica } from "../../../gateway/mirror/replica.ts";
import { WindowBudget } from "../../../gateway/mirror/window.ts";
import { makeItem, ManualSink } from "./support.ts";

function scene(budget = new WindowBudget()) {
  const items = new Map<string, Item>();
  const mirror = new Mirror("m", () => true, budget);
  const fanout = new Fanout();
  const channel = new Channel(mirror, fanout, () => []);
  const write = (key: string, data: object | undefined, origin = "compute", nowMs = 0): void => {
    const before = items.get(key);
    const after = data && makeItem(key, data, { origin });
    if (after) items.set(key, after);
    else items.delete(key);
    channel.apply(origin, [new Change(key, before, after)], nowMs);
  };
  return { items, mirror, fanout, channel, write };
}

test("all frames of a turn leave as one buffer, the same one for everyone", () => {
  const { channel, fanout, write } = scene();
  const sinks = Array.from({ length: 3 }, () => new ManualSink());
  const buffers = sinks.map(() => [] as Buffer[]);
  for (const [i, sink] of sinks.entries()) {
    channel.join(sink);
    sink.read();
    sink.write = (frames) => void buffers[i]!.push(frames);
  }
  for (let i = 0; i < 5; i++) write(`k${i}`, { i });
  assert.deepEqual(
    buffers.map((each) => each.length),
    [0, 0, 0],
  );
  fanout.flush();
  assert.deepEqual(
    buffers.map((each) => each.length),
    [1, 1, 1],
  );
  assert.equal(buffers[0]![0], buffers[1]![0], "not even copied");
});

test("one that lags stands where it stood, whoever left before it came", () => {
  const { channel, fanout, write } = scene();
  const first = new ManualSink();
  const observer = channel.join(first);
  write("a", { n: 1 });
  channel.leave(observer);
  write("a", { n: 2 });
  const sink = new ManualSink();
  const later = channel.join(sink);
  const replica = new Replica();
  for (const frame of sink.read()) replica.apply(frame);
  sink.unsentBytes = 300 * 1024;
  write("a", { n: 3 });
  fanout.flush();
  sink.unsentBytes = 0;
  channel.pump(later);
  for (const frame of sink.read()) replica.apply(frame);
  assert.deepEqual(replica.get("a")!.d, { n: 3 });
});

test("after the end of a mirror nothing more is sent of it", async () => {
  const { channel, write } = scene();
  for (let i = 0; i < 1_000; i++) write(`k${i}`, { pad: "x".repeat(3_000) });
  const sink = new ManualSink();
  let writes = 0;
  // One that takes everything at once: it is led on turn by turn.
  sink.write = () => void writes++;
  channel.join(sink);
  const before = writes;
  channel.end("deleted");
  assert.ok(sink.gone);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(writes, before);
  assert.equal(channel.observers, 0);
});

test("a snapshot that one slow reader is left with keeps no frames of its own", () => {
  const { channel, write } = scene();
  for (let i = 0; i < 1_000; i++) write(`k${i}`, { pad: "x".repeat(3_000) });
  const slow = new ManualSink();
  const observer = channel.join(slow);
  const { snapshot } = observer;
  assert.ok(snapshot && snapshot.framedBytes > 0);
  for (let i = 0; i < 1_000; i++) write(`k${i}`, { i, pad: "x".repeat(3_000) });
  channel.join(new ManualSink());
  assert.equal(snapshot.framedBytes, 0);
  const replica = new Replica();
  while (observer.mode !== "live") {
    for (const frame of slow.read()) replica.apply(frame);
    channel.pump(observer);
  }
  for (const frame of slow.read()) replica.apply(frame);
  assert.equal(snapshot.framedBytes, 0);
  assert.equal(replica.digest, channel.mirror.digest);
});

test("one that falls behind between two deltas of one reselection misses neither", () => {
  const { channel, mirror, fanout, write, items } = scene();
  for (let i = 0; i < 60; i++) write(`k${i}`, { i, pad: "x".repeat(5_000) }, i % 2 === 0 ? "compute" : "docker/h1");
  channel.reselect(() => false, items.values(), 0);
  const sink = new ManualSink();
  const observer = channel.join(sink);
  const replica = new Replica();
  for (const frame of sink.read()) replica.apply(frame);
  // Two origins, so two deltas of 150 KB: the first flush fills the socket, the second finds it full.
  sink.unsentBytes = 200 * 1024;
  channel.reselect(() => true, items.values(), 0);
  fanout.flush();
  sink.unsentBytes -= 200 * 1024;
  for (let i = 0; i < 10 && !(replica.synced && replica.s === mirror.s); i++) {
    for (const frame of sink.read()) replica.apply(frame);
    channel.pump(observer);
  }
  assert.equal(replica.digest, mirror.digest);
  assert.equal(replica.size, 60);
});

test("a snapshot is framed once for all who join; parts are within bounds", () => {
  const { channel, write } = scene();
  for (let i = 0; i < 200; i++) write(`k${i}`, { pad: "x".repeat(3_000) });
  const taken = [0, 1].map(() => {
    const sink = new ManualSink();
    const buffers: Buffer[] = [];
    const write = sink.write.bind(sink);
    sink.write = (frames) => (buffers.push(frames), write(frames));
    const observer = channel.join(sink);
    while (observer.mode !== "live") {
      sink.read();
      channel.pump(observer);
    }
    return buffers;
  });
  const parts = taken[0]!.slice(0, -1);
  assert.ok(parts.length >= 4);
  for (const [i, part] of parts.entries()) {
    assert.equal(part, taken[1]![i], "the very same bytes");
    assert.ok(part.length <= 256 * 1024);
    if (i < parts.length - 1) assert.ok(part.length >= 64 * 1024);
  }
});

test("the window keeps to its budget: the oldest tombstones go, and who was there before them gets a snapshot", () => {
  const budget = new WindowBudget({ ...MIRROR_LIMITS, windowBytesMax: 40_000 });
  const { channel, mirror, write } = scene(budget);
  write("keep", { n: 0 });
  const early = mirror.s;
  for (let i = 0; i < 500; i++) {
    write(`gone${i}`, { i }, "compute", i);
    write(`gone${i}`, undefined, "compute", i);
  }
  assert.ok(budget.usedBytes <= 40_000);
  assert.equal(mirror.canResume(mirror.epoch, early), false);
  assert.equal(mirror.canResume(mirror.epoch, mirror.s - 10), true);
  const sink = new ManualSink();
  channel.join(sink, { epoch: mirror.epoch, s: early });
  assert.equal(sink.read()[0]!.t, "snapshot");
});

test("a large mirror is sent over several turns, even to one that takes everything at once", async () => {
  const { channel, write } = scene();
  for (let i = 0; i < 1_000; i++) write(`k${i}`, { pad: "x".repeat(3_000) });
  const sink = new ManualSink();
  const observer = channel.join(sink);
  const replica = new Replica();
  let turns = 0;
  while (observer.mode !== "live") {
    const frames = sink.read();
    assert.ok(frames.length <= 10);
    for (const frame of frames) replica.apply(frame);
    turns++;
    if (turns === 2) write("k1", { changed: true });
    channel.pump(observer);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const frame of sink.read()) replica.apply(frame);
  assert.ok(turns >= 3, `${turns} turns`);
  assert.deepEqual(replica.get("k1")!.d, { changed: true });
  assert.equal(replica.digest, channel.mirror.digest);
});

test("tombstones are forgotten when old", () => {
  const budget = new WindowBudget();
  const { mirror, write } = scene(budget);
  write("a", {});
  const s = mirror.s;
  write("a", undefined, "compute", 1_000);
  budget.expire(1_000 + 10 * 60_000);
  assert.equal(mirror.canResume(mirror.epoch, s), true, "ten minutes are kept");
  budget.expire(1_001 + 30 * 60_000);
  assert.equal(mirror.canResume(mirror.epoch, s), false);
});

test("patch or put: the smaller, and put when there is a null", () => {
  const { channel, fanout, write } = scene();
  const pad = "x".repeat(200);
  write("k", { pad, n: 1 });
  const sink = new ManualSink();
  channel.join(sink);
  sink.read();
  const opOf = (data: object): string => {
    write("k", data);
    fanout.flush();
    const frame = sink.read()[0]!;
    return frame.t === "delta" ? frame.ops[0]!.op : frame.t;
  };
  assert.equal(opOf({ pad, n: 2 }), "patch");
  assert.equal(opOf({ n: 3 }), "put");
  assert.equal(opOf({ pad, n: 4 }), "put");
  assert.equal(opOf({ pad, n: null }), "put");
  assert.equal(opOf({ pad, n: "null" }), "patch");
});
