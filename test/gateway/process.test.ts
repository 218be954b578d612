import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { OperationRecord } from "../../proto/gen/gantry/common/v1/operation.ts";
import { Container } from "../../proto/gen/gantry/compute/v1/engine.ts";
import { Host } from "../../proto/gen/gantry/compute/v1/host.ts";
import { Instance, InstanceUsage } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { Mirror, Project } from "../../proto/gen/gantry/compute/v1/project.ts";
import { operationKind } from "../../services/common/jobs/kind.ts";
import { issueCertificate } from "../../services/common/realm/realm.ts";
import { ObservationSet } from "../../services/common/watch/observations.ts";
import { hostKind, instanceKind, mirrorKind, projectKind } from "../../services/compute/kinds.ts";
import { startGatewayProcess, startRealm, type GatewayProcess, type TestRealm } from "./realm.ts";
import { held, until } from "./support.ts";
import { RawSocket } from "./ws/raw-socket.ts";

let realm: TestRealm;
let gateway: GatewayProcess;

before(async () => {
  realm = await startRealm();
  await realm.store.transact(async (tx) =>
    tx.create(projectKind, Project.fromPartial({ meta: { name: "projects/default" } })),
  );
  gateway = await realm.startGateway();
});
after(() => realm.stop());

const nameOf = (id: string): string => `projects/default/instances/${id}`;

async function create(id: string, labels: Record<string, string> = {}): Promise<void> {
  await realm.store.transact(async (tx) => {
    tx.create(instanceKind, Instance.fromPartial({ meta: { name: nameOf(id), host: "h1", labels } }));
  });
}

function container(id: string, project: string, state: string) {
  const bytes = Container.encode(Container.fromPartial({ name: id, state, host: "h1" })).finish();
  const name = `docker/h1/Container/${id}`;
  return {
    kind: "Container",
    name,
    version: state,
    labels: {},
    project,
    typeName: "gantry.compute.v1.Container",
    bytes,
  };
}

test("records and observations reach an observer through the real processes", async () => {
  await create("web");
  const client = realm.client(gateway);
  await client.start();
  await until(client, () => client.replica.get(nameOf("web")) !== undefined);
  realm.docker.put(container("web", "default", "running"));
  realm.docker.put(container("someone-elses", "", "running"));
  await until(client, () => client.replica.get("docker/h1/Container/web") !== undefined);
  const item = client.replica.get("docker/h1/Container/web")!;
  assert.equal(item.o, "docker/h1");
  assert.match(item.v, /^[0-9a-f]{16}$/);
  assert.equal(client.replica.get("docker/h1/Container/someone-elses"), undefined);
  await realm.store.mutate(instanceKind, nameOf("web"), (record) => {
    record.spec = { ...Instance.fromPartial({ spec: {} }).spec!, hostname: "changed" };
  });
  await until(
    client,
    () => (held(client)[nameOf("web")]!["spec"] as { hostname?: string } | undefined)?.hostname === "changed",
  );
  assert.match(client.replica.get(nameOf("web"))!.v, /^\S+\.\d+$/);
  realm.docker.delete("docker/h1/Container/web");
  await until(client, () => client.replica.get("docker/h1/Container/web") === undefined);
  assert.equal(client.counts.mismatches, 0);
  client.close();
});

test("mirrors of hosts and of the realm", async () => {
  const realmMirror = realm.client(gateway, { mirror: "realm" }, { realmAdmin: true });
  const hostMirror = realm.client(gateway, { mirror: "hosts/h1" }, { realmAdmin: true });
  await realmMirror.start();
  assert.ok(realmMirror.replica.get("docker/h1/Container/someone-elses"));
  await assert.rejects(hostMirror.start(), /mirror hosts\/h1/);
});

test("what another host observes comes from that host, found through its record", async () => {
  const observed = new ObservationSet({ origin: "docker/h2" });
  observed.setStatus("live");
  observed.put({ ...container("far", "default", "running"), name: "docker/h2/Container/far" });
  const address = await realm.startOtherHost(observed);
  const client = realm.client(gateway);
  await client.start();
  const host = (id: string, compute: string) =>
    Host.fromPartial({ meta: { name: `hosts/${id}`, host: "h1" }, status: { endpoints: { compute } } });
  // h1's own is what the gateway is configured with: a second stream to it would tell everything twice.
  await realm.store.transact(async (tx) => {
    tx.create(hostKind, host("h1", "127.0.0.1:1"));
    tx.create(hostKind, host("h2", address));
  });
  await until(client, () => client.replica.get("docker/h2/Container/far") !== undefined);
  assert.equal(client.replica.origins.get("docker/h2")!.state, "live");
  assert.equal(client.replica.origins.get("docker/h1")!.state, "live");
  const hostMirror = realm.client(gateway, { mirror: "hosts/h2" }, { realmAdmin: true });
  await hostMirror.start();
  assert.deepEqual(Object.keys(held(hostMirror)).sort(), ["docker/h2/Container/far", "hosts/h2"]);
  await realm.store.transact(async (tx) => {
    await tx.need(hostKind, "hosts/h2");
    tx.delete(hostKind, "hosts/h2");
  });
  await until(client, () => client.replica.get("docker/h2/Container/far") === undefined);
  assert.equal(client.replica.origins.get("docker/h2")!.state, "stale");
  client.close();
  hostMirror.close();
});

test("a user's mirror: selectors, a changed record selects anew, a deleted one ends it", async () => {
  const name = "projects/default/mirrors/mine";
  const spec = { selectors: [{ kind: "Instance", namePrefix: nameOf("s"), labelSelector: "tier=front" }] };
  await realm.store.transact(async (tx) => tx.create(mirrorKind, Mirror.fromPartial({ meta: { name }, spec })));
  await create("s1", { tier: "front" });
  await create("s2", { tier: "back" });
  const client = realm.client(gateway, { mirror: name });
  await client.start();
  await until(client, () => client.replica.size === 1);
  assert.ok(client.replica.get(nameOf("s1")));
  // Labels decide, as they change.
  await realm.store.mutate(instanceKind, nameOf("s1"), (record) => void (record.meta!.labels = { tier: "back" }));
  await until(client, () => client.replica.size === 0);
  await realm.store.mutate(mirrorKind, name, (record) => void (record.spec!.selectors[0]!.labelSelector = "tier"));
  await until(client, () => client.replica.size === 2);
  assert.equal(client.counts.snapshots, 1, "the same socket, the same epoch");
  const ended = new Promise<Record<string, unknown>>((resolve) => client.once("message", resolve));
  await realm.store.transact(async (tx) => {
    await tx.need(mirrorKind, name);
    tx.delete(mirrorKind, name);
  });
  const frame = await ended;
  assert.equal(frame["m"], name);
  assert.equal((frame["error"] as { code: number }).code, 5);
  assert.equal(client.counts.mismatches, 0);
  client.close();
});

test("usage figures: only in a mirror that asks for the kind, watched only while there is one", async () => {
  const name = "projects/default/mirrors/usage";
  const spec = { selectors: [{ kind: "InstanceUsage" }] };
  await realm.store.transact(async (tx) => tx.create(mirrorKind, Mirror.fromPartial({ meta: { name }, spec })));
  const sample = (pids: bigint) => ({
    ...container("web", "default", String(pids)),
    kind: "InstanceUsage",
    name: "docker/h1/InstanceUsage/web",
    typeName: "gantry.compute.v1.InstanceUsage",
    bytes: InstanceUsage.encode(InstanceUsage.fromPartial({ instance: nameOf("web"), pids })).finish(),
  });
  realm.docker.put(sample(1n));
  const all = realm.client(gateway);
  await all.start();
  await until(all, () => all.replica.get(name) !== undefined);
  const usage = realm.client(gateway, { mirror: name });
  await usage.start();
  await until(usage, () => usage.replica.size === 1);
  realm.docker.put(sample(2n));
  await until(usage, () => held(usage)["docker/h1/InstanceUsage/web"]!["pids"] === "2");
  assert.equal(usage.replica.origins.get("docker/h1")!.state, "live");
  assert.equal(all.replica.get("docker/h1/InstanceUsage/web"), undefined);
  // Another who asks for another kind changes nothing for those who are there.
  const other = "projects/default/mirrors/other-usage";
  const otherSpec = { selectors: [{ kind: "HostUsage" }, { kind: "InstanceUsage", namePrefix: "none" }] };
  await realm.store.transact(async (tx) =>
    tx.create(mirrorKind, Mirror.fromPartial({ meta: { name: other }, spec: otherSpec })),
  );
  await until(all, () => all.replica.get(other) !== undefined);
  const before = usage.counts.deltas;
  const second = realm.client(gateway, { mirror: other });
  await second.start();
  realm.docker.put(sample(3n));
  await until(usage, () => held(usage)["docker/h1/InstanceUsage/web"]?.["pids"] === "3");
  assert.equal(usage.counts.deltas, before + 1, "the one change");
  second.close();
  await realm.store.transact(async (tx) => {
    await tx.need(mirrorKind, name);
    tx.delete(mirrorKind, name);
  });
  await until(all, () => all.replica.get(name) === undefined);
  realm.docker.delete("docker/h1/InstanceUsage/web");
  assert.equal(all.counts.mismatches, 0);
  all.close();
  usage.close();
});

test("read your own writes: the answer about a finished operation names the place that shows it", async () => {
  const client = realm.client(gateway);
  await client.start();
  const name = "projects/default/operations/compute-0e7b7a54-6a36-4a5e-8d6e-1c2d3e4f5a6b";
  const record = OperationRecord.fromPartial({ meta: { name }, operation: { name, done: false }, queue: "compute@h1" });
  await realm.store.transact(async (tx) => tx.create(operationKind, record));
  const waiting = client.request({
    t: "call",
    method: "google.longrunning.Operations/WaitOperation",
    body: { name, timeout: "9s" },
  });
  await realm.store.transact(async (tx) => {
    const running = await tx.need(operationKind, name);
    running.operation!.done = true;
    tx.put(operationKind, running);
    tx.create(instanceKind, Instance.fromPartial({ meta: { name: nameOf("made") } }));
  });
  const reply = await waiting;
  assert.equal((reply["body"] as { done: boolean }).done, true);
  assert.equal(reply["m"], "projects/default");
  assert.equal(reply["e"], client.replica.epoch);
  assert.ok((reply["s"] as number) <= client.replica.s, "what it speaks of has come before it");
  assert.ok(client.replica.get(nameOf("made")), "and is here");
  client.close();
});

test("compute goes and comes back: stale, then live, nothing twice", async () => {
  const client = realm.client(gateway);
  await client.start();
  const s = client.replica.s;
  realm.stopCompute();
  await until(client, () => client.replica.origins.get("compute")!.state === "stale");
  assert.equal(client.replica.origins.get("docker/h1")!.state, "stale");
  assert.equal(client.replica.origins.get("compute")!.message, "the compute service cannot be reached");
  assert.ok(client.replica.get(nameOf("web")), "what was known stays, marked as stale");
  await create("meanwhile");
  await realm.startCompute();
  await until(client, () => client.replica.origins.get("compute")!.state === "live", 15_000);
  await until(client, () => client.replica.get(nameOf("meanwhile")) !== undefined);
  assert.equal(client.replica.s, s + 1, "only the true difference");
  assert.equal(client.counts.mismatches, 0);
  client.close();
});

test("Redis wiped and started empty: the records are rebuilt, and observers are right", async () => {
  const client = realm.client(gateway);
  await client.start();
  const { size, s } = client.replica;
  await realm.redis.kill();
  await until(client, () => client.replica.origins.get("compute")!.state !== "live", 15_000);
  await realm.redis.wipe();
  await realm.redis.start();
  await until(client, () => client.replica.origins.get("compute")!.state === "live", 30_000);
  await create("afterwards");
  await until(client, () => client.replica.get(nameOf("afterwards")) !== undefined, 15_000);
  assert.equal(client.replica.size, size + 1);
  assert.ok(client.replica.s > s);
  assert.equal(client.counts.mismatches, 0);
  assert.equal(client.counts.snapshots, 1, "no reset is seen");
  client.close();
});

test("HTTP: health, page, tickets", async () => {
  const url = `http://${gateway.ready.http}`;
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const page = await fetch(url);
  assert.match(page.headers.get("content-type")!, /text\/html/);
  assert.match(await page.text(), /mirror\.v1\.json/);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
  assert.equal((await fetch(`${url}/v1/tickets`)).status, 405);
  assert.equal((await fetch(`${url}/v1/tickets`, { method: "POST" })).status, 401);
  const refused = await fetch(`${url}/v1/tickets`, { method: "POST", headers: { authorization: "Bearer x" } });
  assert.equal(refused.status, 401);
  assert.equal(((await refused.json()) as { error: { code: number } }).error.code, 16);
  assert.equal(await rawStatus("/../../etc/passwd"), 404);
  const authorization = `Bearer ${await realm.token()}`;
  const { ticket } = (await (
    await fetch(`${url}/v1/tickets`, { method: "POST", headers: { authorization } })
  ).json()) as { ticket: string };
  assert.ok(ticket.length > 20);
  const once = await RawSocket.open(gateway.ready.http);
  once.json({ t: "hello", id: 1, ticket });
  await once.next((frame) => frame["t"] === "reply");
  const twice = await RawSocket.open(gateway.ready.http);
  twice.json({ t: "hello", id: 1, ticket });
  assert.equal(await twice.closed(), 4011);
  once.destroy();
});

function rawStatus(path: string): Promise<number> {
  const [host, port] = gateway.ready.http.split(":");
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host, port, path }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.on("error", reject);
    request.end();
  });
}

test("a planned restart keeps epoch and numbers; kill -9 begins a new epoch; the digest is right each time", async () => {
  const listen = { GANTRY_HTTP_LISTEN: gateway.ready.http };
  const client = realm.client(gateway);
  await client.start();
  const { epoch } = client.replica;
  assert.equal(await gateway.stop(), 0);
  const path = join(realm.dataDir, "gateway", "windows.json");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.doesNotMatch(await readFile(path, "utf8"), /hostname/, "names and numbers only");
  await create("down");
  gateway = await realm.startGateway(listen);
  await until(client, () => client.replica.synced && client.replica.get(nameOf("down")) !== undefined, 15_000);
  assert.equal(client.replica.epoch, epoch);
  assert.equal(client.counts.snapshots, 1);
  assert.equal(client.counts.resumed, 1);
  await assert.rejects(stat(path), /ENOENT/);

  await gateway.kill();
  await create("crashed");
  gateway = await realm.startGateway(listen);
  await until(client, () => client.replica.synced && client.replica.get(nameOf("crashed")) !== undefined, 15_000);
  assert.notEqual(client.replica.epoch, epoch);
  assert.equal(client.counts.mismatches, 0);
  client.close();
});

test("wss with a certificate of the realm; plain only on loopback", async () => {
  const issued = await issueCertificate(realm.realm, { process: "web", host: "h1" });
  const secure = await realm.startGateway({
    GANTRY_HTTP_TLS_CERT: issued.certPath,
    GANTRY_HTTP_TLS_KEY: issued.keyPath,
  });
  const client = realm.client(secure, { ca: await readFile(realm.realm.caPath) });
  await client.start();
  assert.ok(client.replica.get(nameOf("web")));
  client.close();
  await secure.stop();
  await assert.rejects(
    startGatewayProcess({ GANTRY_HTTP_LISTEN: "0.0.0.0:0", GANTRY_DATA_DIR: realm.dataDir }),
    /exit 78:[^]*in the clear/,
  );
});
