import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  batch,
  deletedEvent,
  held,
  instanceEvent,
  projectEvent,
  startTestGateway,
  until,
  type TestGateway,
} from "../support.ts";
import { RawSocket } from "./raw-socket.ts";

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  gateway.tracker.connected();
  gateway.tracker.batch(batch([projectEvent("default", 1), projectEvent("other", 2), instanceEvent("web", 3)]));
  gateway.tracker.batch(batch([], { revision: 3n, synced: true }));
});
after(() => gateway.stop());

test("snapshot, deltas, bookmark", async () => {
  const client = gateway.client();
  await client.start();
  assert.deepEqual(Object.keys(held(client)).sort(), ["projects/default", "projects/default/instances/web"]);
  assert.equal(client.replica.get("projects/default/instances/web")!.v, "log1.3");

  const s = client.replica.s;
  gateway.tracker.batch(
    batch([instanceEvent("web", 4, { spec: { hostname: "w", memoryBytes: 8_388_608n } })], { revision: 4n }),
  );
  gateway.tracker.batch(batch([instanceEvent("db", 5), instanceEvent("hidden", 6, {}, "other")], { revision: 6n }));
  await until(client, () => client.replica.s === s + 2);
  assert.equal(
    (held(client)["projects/default/instances/web"]!["spec"] as { memoryBytes: string }).memoryBytes,
    "8388608",
  );

  gateway.tracker.batch(
    batch([deletedEvent("Instance", "projects/default/instances/db", "default", 7)], { revision: 7n }),
  );
  await until(client, () => client.replica.s === s + 3);
  assert.deepEqual(Object.keys(held(client)).sort(), ["projects/default", "projects/default/instances/web"]);
  await until(client, () => client.counts.bookmarks >= 2);
  assert.equal(client.counts.mismatches, 0);
});

test("one write of several records is one delta", async () => {
  const client = gateway.client();
  await client.start();
  const s = client.replica.s;
  const ops: string[][] = [];
  client.on("frame", (frame) => {
    if (frame.t === "delta") ops.push(frame.ops.map((op) => op.k));
  });
  gateway.tracker.batch(
    batch([instanceEvent("a", 20), instanceEvent("b", 20), instanceEvent("c", 21)], { revision: 21n }),
  );
  await until(client, () => client.replica.s === s + 2);
  assert.deepEqual(ops, [
    ["projects/default/instances/a", "projects/default/instances/b"],
    ["projects/default/instances/c"],
  ]);
});

test("fields that must not be shown are not in any frame", async () => {
  const client = gateway.client();
  const seen: string[] = [];
  client.on("frame", (frame) => seen.push(JSON.stringify(frame)));
  await client.start();
  gateway.tracker.batch(
    batch([instanceEvent("sec", 30, { spec: { env: { PASSWORD: "hunter2" }, userData: "hunter3" } })], {
      revision: 30n,
    }),
  );
  await until(client, () => client.replica.get("projects/default/instances/sec") !== undefined);
  assert.doesNotMatch(seen.join("\n"), /hunter/);
});

test("origins are shown as they are, those that are not there as stale", async () => {
  const client = gateway.client();
  await client.start();
  assert.equal(client.replica.origins.get("compute")!.state, "live");
  assert.deepEqual(client.replica.origins.get("registry"), {
    name: "registry",
    state: "stale",
    message: "not configured",
  });
  gateway.tracker.disconnected("connection refused");
  await until(client, () => client.replica.origins.get("compute")!.state === "stale");
  const stale = client.replica.origins.get("compute")!;
  assert.equal(stale.message, "connection refused");
  assert.ok(Date.now() - Date.parse(stale.asOf!) < 60_000);
  gateway.tracker.connected();
  await until(client, () => client.replica.origins.get("compute")!.state === "resyncing");
  gateway.tracker.batch(batch([], { revision: 31n, synced: true }));
  await until(client, () => client.replica.origins.get("compute")!.state === "live");
});

test("a client that comes back resumes: only what is different is sent", async () => {
  const client = gateway.client();
  await client.start();
  const { deltas } = client.counts;
  client.drop();
  await until(client, () => !client.replica.synced);
  gateway.tracker.batch(batch([instanceEvent("late", 40)], { revision: 40n }));
  gateway.tracker.batch(batch([instanceEvent("late", 41, { spec: { hostname: "x" } })], { revision: 41n }));
  await until(client, () => client.replica.synced && client.counts.connections === 2);
  assert.equal(client.counts.resumed, 1);
  assert.equal(client.counts.snapshots, 1);
  assert.equal(client.counts.deltas - deltas, 1, "two changes of one key, told as one");
  assert.equal((held(client)["projects/default/instances/late"]!["spec"] as { hostname: string }).hostname, "x");
});

test("after a reset only true differences come", async () => {
  const client = gateway.client();
  await client.start();
  const before = held(client);
  const keys = Object.keys(before);
  const frames: string[] = [];
  client.on("frame", (frame) => {
    if (frame.t !== "bookmark" && frame.t !== "origin") frames.push(JSON.stringify(frame));
  });
  const instances = keys.filter((key) => key.includes("/instances/")).map((key) => key.split("/").at(-1)!);
  const gone = instances[0]!;
  const revisions = new Map(keys.map((key) => [key, Number((before[key]!["meta"] as { version: string }).version)]));
  const kept = instances
    .slice(1)
    .map((id) =>
      instanceEvent(
        id,
        revisions.get(`projects/default/instances/${id}`)!,
        withoutMeta(before[`projects/default/instances/${id}`]!),
      ),
    );
  gateway.tracker.batch(batch([], { reset: true, logId: "log2" }));
  gateway.tracker.batch(
    batch([projectEvent("default", 1), projectEvent("other", 2), ...kept, instanceEvent("fresh", 90)], {
      logId: "log2",
    }),
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(frames, [], "nothing before the list is whole");
  gateway.tracker.batch(batch([], { logId: "log2", revision: 90n, synced: true }));
  await until(client, () => client.replica.get("projects/default/instances/fresh") !== undefined);
  assert.equal(frames.length, 1);
  const delta = JSON.parse(frames[0]!) as { ops: { op: string; k: string }[] };
  assert.deepEqual(
    delta.ops.map(({ op, k }) => [op, k]),
    [
      ["del", `projects/default/instances/${gone}`],
      ["put", "projects/default/instances/fresh"],
    ],
  );
});

test("unsubscribe right behind subscribe, and subscribe behind that", async () => {
  // Nothing is listed yet, so a subscription waits.
  const young = await startTestGateway({ limits: { originsTimeoutMs: 300 } });
  const socket = await RawSocket.open(young.http.address);
  try {
    await socket.hello(await young.token());
    const m = "projects/default";
    for (const [i, t] of ["subscribe", "subscribe", "unsubscribe", "subscribe"].entries()) socket.json({ t, id: i, m });
    const answers: Record<number, unknown> = {};
    await socket.next((frame) => {
      const error = frame["error"] as { details: { reason: string }[] } | undefined;
      if (frame["id"] !== undefined) answers[frame["id"] as number] = error?.details[0]!.reason ?? frame["t"];
      return frame["t"] === "synced";
    });
    assert.deepEqual(answers, { 0: "UNSUBSCRIBED", 1: "ALREADY_SUBSCRIBED", 2: "reply", 3: "reply" });
    assert.equal(young.mirrors.catalog.find(m)!.observers, 1);
  } finally {
    socket.destroy();
    await young.stop();
  }
});

test("a mirror ends with its project: observers are told, nobody is admitted any more", async () => {
  const claims = { roles: { doomed: "viewer" as const } };
  gateway.tracker.batch(batch([projectEvent("doomed", 60), instanceEvent("x", 61, {}, "doomed")], { revision: 61n }));
  const socket = await RawSocket.open(gateway.http.address);
  const client = gateway.client({ mirror: "projects/doomed" }, claims);
  const failed = new Promise<Error>((resolve) => client.once("failed", resolve));
  try {
    await socket.hello(await gateway.token(claims));
    socket.json({ t: "subscribe", id: 2, m: "projects/doomed" });
    await socket.next((frame) => frame["t"] === "synced");
    await client.start();
    const gone = [
      deletedEvent("Instance", "projects/doomed/instances/x", "doomed", 62),
      deletedEvent("Project", "projects/doomed", "doomed", 63),
    ];
    gateway.tracker.batch(batch(gone, { revision: 63n }));
    const deltas: string[] = [];
    const ended = await socket.next((frame) => {
      if (frame["t"] === "delta") deltas.push(...(frame["ops"] as { k: string }[]).map(({ k }) => k));
      return frame["t"] === "error";
    });
    assert.deepEqual(deltas, ["projects/doomed/instances/x", "projects/doomed"]);
    assert.deepEqual([ended["m"], ended["id"]], ["projects/doomed", undefined]);
    assert.equal((ended["error"] as { code: number }).code, 5);
    assert.match((await failed).message, /projects\/doomed does not exist/);
    socket.json({ t: "subscribe", id: 3, m: "projects/doomed" });
    assert.equal((await socket.error())["id"], 3);
    // The name may be used again: that is another mirror.
    gateway.tracker.batch(batch([projectEvent("doomed", 64)], { revision: 64n }));
    socket.json({ t: "subscribe", id: 4, m: "projects/doomed" });
    assert.equal((await socket.next((frame) => frame["id"] === 4))["t"], "reply");
  } finally {
    socket.destroy();
  }
});

test("who observes", async () => {
  const [ann, bob] = [gateway.client(), gateway.client({}, { subject: "bob" })];
  await Promise.all([ann.start(), bob.start()]);
  const reply = await ann.request({ t: "who", m: "projects/default" });
  const { subjects, count } = reply["body"] as { count: number; subjects: { subject: string; count: number }[] };
  assert.ok(subjects.find((each) => each.subject === "bob")!.count === 1);
  assert.equal(
    count,
    subjects.reduce((sum, each) => sum + each.count, 0),
  );
  await bob.request({ t: "unsubscribe", m: "projects/default" });
  await assert.rejects(bob.request({ t: "who", m: "projects/default" }), /not subscribed/);
});

function withoutMeta(data: object): object {
  const { spec } = data as { spec?: { hostname?: string; memoryBytes?: string } };
  if (!spec) return {};
  return { spec: { ...spec, ...(spec.memoryBytes === undefined ? {} : { memoryBytes: BigInt(spec.memoryBytes) }) } };
}
