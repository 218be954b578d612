import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEffect } from "../../../../services/common/engine/observer/apply.ts";
import { diffTables, emptyTables, type Tables } from "../../../../services/common/engine/observer/changes.ts";
import { effectsOf, type EngineEvent } from "../../../../services/common/engine/observer/events.ts";
import { containerFromList, UNDETAILED } from "../../../../services/common/engine/state.ts";

function event(Type: string, Action: string, ID: string, Attributes: Record<string, string> = {}): EngineEvent {
  return { Type, Action, Actor: { ID, Attributes } };
}

function after(events: EngineEvent[], tables: Tables = emptyTables()): Tables {
  for (const effect of events.flatMap(effectsOf)) applyEffect(tables, effect);
  return tables;
}

const WEB = { name: "web", image: "busybox", "gantry.dev/kind": "instance" };

const STATES: [string, string[], string][] = [
  ["made", ["create"], "created"],
  ["started", ["create", "start"], "running"],
  ["paused", ["create", "start", "pause"], "paused"],
  ["resumed", ["start", "pause", "unpause"], "running"],
  ["ended", ["start", "kill", "die", "stop"], "exited"],
  ["started again", ["start", "die", "start", "restart"], "running"],
];

for (const [what, actions, state] of STATES) {
  test(`a container that was ${what} is ${state}`, () => {
    const tables = after(actions.map((action) => event("container", action, "c1", { ...WEB, exitCode: "3" })));
    const container = tables.container.get("c1");
    assert.equal(container?.state, state);
    assert.equal(container?.name, "web");
    assert.equal(container?.detailed, false);
    assert.deepEqual(container?.labels, { "gantry.dev/kind": "instance" });
  });
}

test("die tells the exit code and that addresses are gone", () => {
  const tables = emptyTables();
  const address = { network: "bridge", ipv4: "10.0.0.2", ipv6: "", mac: "" };
  tables.container.set("c1", {
    ...UNDETAILED,
    id: "c1",
    name: "web",
    image: "i",
    state: "running",
    labels: {},
    addresses: [address],
  });
  after([event("container", "die", "c1", { ...WEB, exitCode: "137" })], tables);
  assert.equal(tables.container.get("c1")?.exitCode, 137);
  assert.deepEqual(tables.container.get("c1")?.addresses, []);
});

test("a stop is looked at: while the engine waits to start a container again nothing else tells of it", () => {
  assert.deepEqual(effectsOf(event("container", "stop", "c1", WEB)), [
    { type: "inspect", kind: "container", id: "c1", soon: true },
  ]);
});

test("what an exec or a health check says changes nothing", () => {
  for (const action of [
    "exec_create: sh -c ls",
    "exec_start: sh",
    "exec_die",
    "health_status: healthy",
    "attach",
    "top",
  ]) {
    assert.deepEqual(effectsOf(event("container", action, "c1", WEB)), []);
  }
});

test("a destroyed object is gone, a renamed container has its new name", () => {
  const tables = after([
    event("container", "create", "c1", WEB),
    event("container", "rename", "c1", { ...WEB, name: "web2", oldName: "/web" }),
    event("network", "create", "n1", { name: "net", type: "bridge" }),
    event("volume", "create", "data", { driver: "local" }),
  ]);
  assert.equal(tables.container.get("c1")?.name, "web2");
  after(
    [event("container", "destroy", "c1"), event("network", "destroy", "n1"), event("volume", "destroy", "data")],
    tables,
  );
  assert.deepEqual(tables, emptyTables());
});

test("connecting a network asks about the container", () => {
  assert.deepEqual(effectsOf(event("network", "connect", "n1", { container: "c1" })), [
    { type: "inspect", kind: "container", id: "c1", soon: true },
  ]);
});

test("a difference tells deletions first, and nothing of what is equal", () => {
  const before = after([
    event("container", "create", "old", WEB),
    event("volume", "create", "data", { driver: "local" }),
  ]);
  const next = after([
    event("container", "create", "new", WEB),
    event("volume", "create", "data", { driver: "local" }),
  ]);
  assert.deepEqual(
    diffTables(before, next).map(({ type, kind, id }) => `${type} ${kind} ${id}`),
    ["delete container old", "put container new"],
  );
});

test("a list keeps what only an inspect knows, and reads the exit code from the status", () => {
  const raw = {
    Id: "c1",
    Names: ["/web"],
    Image: "busybox",
    ImageID: "sha256:1",
    Created: 1_700_000_000,
    Ports: [],
    Labels: {},
    State: "exited",
    Status: "Exited (137) 3 minutes ago",
    NetworkSettings: { Networks: {} },
  } as unknown as Parameters<typeof containerFromList>[0];
  const known = {
    ...UNDETAILED,
    id: "c1",
    name: "web",
    image: "busybox",
    state: "exited",
    labels: {},
    restartCount: 4,
    detailed: true,
  };
  const container = containerFromList(raw, known);
  assert.equal(container.exitCode, 137);
  assert.equal(container.restartCount, 4);
});
