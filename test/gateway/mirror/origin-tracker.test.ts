import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { pino } from "pino";
import type { OriginView } from "../../../gateway/mirror/frames.ts";
import { OriginTracker } from "../../../gateway/mirror/origin-tracker.ts";
import { World } from "../../../gateway/mirror/world.ts";
import { Event, EventType, OriginState, OriginStatus } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { Container } from "../../../proto/gen/gantry/compute/v1/engine.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import { batch, deletedEvent, instanceEvent } from "../support.ts";

let world: World;
let tracker: OriginTracker;
let told: string[];
let origins: OriginView[];
const log = pino({ level: "silent" });
const { ORIGIN_STATUS_LIVE: LIVE, ORIGIN_STATUS_RESYNCING: RESYNCING, ORIGIN_STATUS_STALE: STALE } = OriginStatus;
const { ORIGIN_STATUS_GONE: GONE } = OriginStatus;

beforeEach(() => {
  world = new World();
  told = [];
  origins = [];
  world.listen({
    changed: (origin, changes) =>
      told.push(`${origin}: ${changes.map((c) => `${c.after ? "+" : "-"}${c.key.split("/").at(-1)}`).join(" ")}`),
    originChanged: (origin) => origins.push(origin),
  });
  tracker = new OriginTracker({ world, service: "compute", toJson: (type, bytes) => codec.toJson(type, bytes), log });
});

function containerEvent(id: string, state = "running"): Event {
  return Event.fromPartial({
    type: EventType.EVENT_TYPE_PUT,
    kind: "Container",
    name: `docker/h1/Container/${id}`,
    origin: "docker/h1",
    originEpoch: "e1",
    version: state,
    object: {
      typeUrl: "type.googleapis.com/gantry.compute.v1.Container",
      value: Buffer.from(Container.encode(Container.fromPartial({ name: id, state })).finish()),
    },
  });
}

function gone(id: string): Event {
  return Event.fromPartial({ ...containerEvent(id), type: EventType.EVENT_TYPE_DELETED, object: undefined });
}

function origin(status: OriginStatus, message = ""): OriginState {
  return OriginState.fromPartial({ origin: "docker/h1", status, message, asOf: new Date(5_000), originEpoch: "e1" });
}

function connect(ids: string[], status: OriginStatus, revision = 10n): void {
  tracker.connected();
  tracker.batch(
    batch(
      ids.map((id) => containerEvent(id)),
      { origins: [origin(status)] },
    ),
  );
  tracker.batch(batch([], { revision, synced: true }));
}

test("a new list tells what is different, and only when it is whole", () => {
  connect(["a", "b"], LIVE);
  assert.deepEqual(told, ["docker/h1: +a +b"]);
  told.length = 0;
  tracker.disconnected("gone");
  tracker.connected();
  tracker.batch(batch([containerEvent("b"), containerEvent("c")], { origins: [origin(LIVE)] }));
  assert.deepEqual(told, []);
  tracker.batch(batch([], { revision: 11n, synced: true }));
  assert.deepEqual(told, ["docker/h1: -a +c"]);
});

test("an observer that has not reached its engine yet lists nothing: what was seen stays, as stale", () => {
  connect(["a", "b"], LIVE);
  told.length = 0;
  connect([], RESYNCING);
  assert.deepEqual(told, []);
  assert.equal(world.origin("docker/h1")!.state, "resyncing");
  tracker.batch(batch([], { origins: [origin(STALE, "the engine does not answer")] }));
  assert.equal(world.origin("docker/h1")!.state, "stale");
  assert.equal(world.origin("docker/h1")!.asOf!.getTime(), 5_000);
  assert.deepEqual([...tracker.items()].length, 2);
  tracker.batch(batch([containerEvent("b", "exited"), containerEvent("d")]));
  assert.deepEqual(told, []);
  tracker.batch(batch([gone("d")], { origins: [origin(LIVE)] }));
  assert.deepEqual(told, ["docker/h1: -a +b"]);
  assert.equal(world.origin("docker/h1")!.state, "live");
});

test("an observer that is listing its origin has the half: what was seen stays until the list is whole", () => {
  connect(["a", "b", "c"], LIVE);
  told.length = 0;
  connect(["a"], RESYNCING);
  tracker.batch(batch([containerEvent("b")]));
  assert.deepEqual(told, []);
  tracker.batch(batch([], { origins: [origin(LIVE, "not shown: some")] }));
  assert.deepEqual(told, ["docker/h1: -c"]);
  assert.equal(world.origin("docker/h1")!.message, "not shown: some");
});

test("an origin that ends is no more: told at once, or found missing by the next stream", () => {
  connect(["a"], LIVE);
  told.length = 0;
  tracker.batch(batch([gone("a")], { origins: [origin(GONE)] }));
  assert.deepEqual(told, ["docker/h1: -a"]);
  assert.equal(world.origin("docker/h1"), undefined);
  assert.equal(origins.at(-1)!.state, "gone");

  connect(["b"], LIVE);
  assert.equal(world.origin("docker/h1")!.state, "live");
  told.length = 0;
  tracker.disconnected("away");
  tracker.connected();
  tracker.batch(batch([], {}));
  assert.equal(world.origin("docker/h1")!.state, "resyncing");
  tracker.batch(batch([], { revision: 12n, synced: true }));
  assert.deepEqual(told, ["docker/h1: -b"]);
  assert.equal(world.origin("docker/h1"), undefined);
});

test("records: a snapshot that is cut off begins again, a reset in the middle too", () => {
  tracker.connected();
  tracker.batch(batch([instanceEvent("a", 1)]));
  tracker.disconnected("cut");
  tracker.connected();
  tracker.batch(batch([instanceEvent("b", 2)], { reset: true }));
  tracker.batch(batch([], { revision: 2n, synced: true }));
  assert.deepEqual(told, ["compute: +b"]);
  tracker.batch(batch([], { reset: true, logId: "log2" }));
  tracker.batch(
    batch([instanceEvent("b", 2), deletedEvent("Instance", "projects/default/instances/b", "default", 3)], {
      logId: "log2",
    }),
  );
  tracker.batch(batch([], { logId: "log2", revision: 3n, synced: true }));
  assert.deepEqual(told, ["compute: +b", "compute: -b"]);
});

test("records that resume: whole writes, in order, at once", () => {
  tracker.connected();
  tracker.batch(batch([], { revision: 1n, synced: true }));
  tracker.disconnected("cut");
  tracker.connected();
  tracker.batch(batch([instanceEvent("a", 2), instanceEvent("b", 2), instanceEvent("a", 3)]));
  assert.deepEqual(told, ["compute: +a +b", "compute: +a"]);
});

test("the same data under another version is nothing new", () => {
  connect(["a"], LIVE);
  told.length = 0;
  tracker.batch(batch([Event.fromPartial({ ...containerEvent("a"), version: "touched" })]));
  assert.deepEqual(told, []);
  tracker.batch(batch([containerEvent("a", "exited")]));
  assert.deepEqual(told, ["docker/h1: +a"]);
});

test("observations of a batch go together, but a key only once in a change", () => {
  connect([], LIVE);
  told.length = 0;
  tracker.batch(batch([containerEvent("a"), containerEvent("b"), containerEvent("a", "exited"), gone("b")]));
  assert.deepEqual(told, ["docker/h1: +a +b", "docker/h1: +a -b"]);
});

test("an object of a type that is not known is left out and said in the log, the rest goes on", () => {
  connect([], LIVE);
  told.length = 0;
  const strange = Event.fromPartial({
    ...containerEvent("x"),
    object: { typeUrl: "type.googleapis.com/future.v9.Thing", value: Buffer.from([1, 2]) },
  });
  tracker.batch(batch([strange, containerEvent("a")]));
  assert.deepEqual(told, ["docker/h1: +a"]);
  const name = containerEvent("a").name;
  tracker.batch(batch([Event.fromPartial({ ...strange, name })]));
  assert.deepEqual(told, ["docker/h1: +a", "docker/h1: -a"], "what was shown is not true any more");
});

test("states of origins: once each, and honest about when", () => {
  assert.deepEqual([world.origin("compute")!.state, world.origin("compute")!.asOf], ["stale", undefined]);
  connect(["a"], LIVE);
  tracker.batch(batch([], { origins: [origin(LIVE)] }));
  tracker.disconnected("no");
  tracker.disconnected("no, still");
  assert.deepEqual(
    origins.filter((each) => each.name === "docker/h1").map((each) => each.state),
    ["resyncing", "live", "stale"],
  );
  assert.ok(world.origin("compute")!.asOf instanceof Date);
});

test("one stream takes over from another in the midst of a long list: nothing is told as gone", () => {
  const toJson = (type: string, bytes: Uint8Array) => codec.toJson(type, bytes);
  const expects = ["docker/h1"];
  const other = new OriginTracker({ world, service: "compute", toJson, log, reports: () => false, expects });
  const events = Array.from({ length: 700 }, (_, i) => containerEvent(`c${i}`));
  other.connected();
  other.batch(batch(events, { synced: true }));
  assert.ok(world.find("docker/h1/Container/c699"));
  told = [];
  const stop = world.listen({
    changed() {
      stop();
      other.destroy();
    },
    originChanged: () => undefined,
  });
  tracker.connected();
  tracker.batch(batch([...events.slice(1), containerEvent("c0", "exited")], { synced: true }));
  assert.deepEqual(
    told.filter((change) => change.includes("-")),
    [],
  );
  // What comes late on a stream that was given up is nobody's.
  told = [];
  other.batch(batch([containerEvent("late")]));
  assert.deepEqual(told, []);
});
