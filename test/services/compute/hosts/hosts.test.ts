import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { ConditionStatus } from "../../../../proto/gen/gantry/common/v1/meta.ts";
import { Host, HostState } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { InstanceState } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { failure, TestCompute } from "../support/compute.ts";
import { JoinedHost } from "./joined-host.ts";

const LOST_TIMEOUT_MS = 15_000;

describe("hosts", () => {
  let compute: TestCompute;
  let second: JoinedHost;

  before(async () => {
    compute = await TestCompute.start();
    second = await JoinedHost.start(compute);
  });
  after(async () => {
    await second?.[Symbol.asyncDispose]();
    await compute?.[Symbol.asyncDispose]();
  });

  const hostOf = (id: string): Promise<Host> => compute.ask("getHost", { name: `hosts/${id}` });
  const stateOf = async (id: string): Promise<HostState | undefined> => (await hostOf(id)).status?.state;

  test("a host's record says what the host is and can do", async () => {
    await compute.capabilitiesKnown();
    const { meta, status } = await hostOf(compute.host);
    assert.equal(meta?.host, compute.host);
    assert.equal(status?.state, HostState.HOST_STATE_READY);
    assert.ok(
      status.capacity!.cpuMillis >= 1_000n && status.capacity!.memoryBytes > 0n && status.capacity!.diskBytes > 0n,
    );
    assert.ok(
      status.kernel!.release !== "" &&
        status.kernel!.bootTime !== undefined &&
        [1, 2].includes(status.kernel!.cgroupVersion),
    );
    assert.match(status.engine!.apiVersion, /^1\.\d+$/);
    assert.equal(status.engine!.endpoint, compute.engine.socketPath);
    assert.match(status.endpoints["compute"]!, /:\d+$/);
    assert.equal(status.capabilities["privileged"]?.available, true, status.capabilities["privileged"]?.detail);
    assert.ok(status.addresses.every(({ cidr }) => cidr.includes("/")));
    const conditions = Object.fromEntries(status.conditions.map(({ type, status: is }) => [type, is]));
    assert.equal(conditions["Alive"], ConditionStatus.CONDITION_STATUS_TRUE);
    assert.equal(conditions["EngineReady"], ConditionStatus.CONDITION_STATUS_TRUE);
  });

  test("all are listed, by name", async () => {
    const { hosts } = await compute.ask("listHosts", { pageSize: 0, pageToken: "", labelSelector: "" });
    assert.deepEqual(
      hosts.map(({ meta }) => meta!.name),
      [`hosts/${compute.host}`, `hosts/${second.host}`].toSorted(),
    );
  });

  const update = (id: string, change: Parameters<typeof Host.fromPartial>[0], updateMask?: string[]) =>
    compute.ask("updateHost", {
      host: Host.fromPartial({ ...change, meta: { ...change.meta, name: `hosts/${id}` } }),
      updateMask,
      requestId: "",
    });

  test("labels and unschedulable can be changed, status cannot, and every bad field is told", async () => {
    const changed = await update(compute.host, { meta: { labels: { zone: "a" } }, spec: { unschedulable: true } });
    assert.deepEqual([changed.meta?.labels, changed.spec?.unschedulable], [{ zone: "a" }, true]);
    const refused = await failure(compute.create("nowhere", { placement: { host: compute.host } }));
    assert.equal(refused.code, Code.FAILED_PRECONDITION);
    assert.match(refused.message, /unschedulable/);
    const back = await update(compute.host, { spec: { unschedulable: false } }, ["spec.unschedulable"]);
    assert.deepEqual([back.meta?.labels, back.spec?.unschedulable], [{ zone: "a" }, false]);
    const bad = await failure(update(compute.host, { meta: { labels: { "gantry.dev/x": "1", "a b": "2" } } }));
    assert.equal(bad.code, Code.INVALID_ARGUMENT);
    assert.equal(bad.violations.length, 2);
    assert.equal((await failure(update(compute.host, {}, ["status.state"]))).code, Code.INVALID_ARGUMENT);
    assert.equal((await failure(update("none", {}))).reason, "NOT_FOUND");
  });

  test("only the realm's admin changes a host; anyone may look", async () => {
    const token = await compute.realm.token({ roles: { [`p${compute.id}`]: "admin" } });
    const name = `hosts/${compute.host}`;
    assert.equal((await compute.ask("getHost", { name }, { token })).meta?.name, name);
    const refused = await failure(
      compute.ask(
        "updateHost",
        { host: Host.fromPartial({ meta: { name } }), updateMask: undefined, requestId: "" },
        { token },
      ),
    );
    assert.equal(refused.code, Code.PERMISSION_DENIED);
  });

  test("what is placed on a host is counted in its record", async () => {
    await compute.created("counted", {
      cpuMillis: 100n,
      memoryBytes: 32n * 1024n * 1024n,
      placement: { host: compute.host },
    });
    await compute.until(
      "the reservation is counted",
      async () => (await hostOf(compute.host)).status?.allocated?.memoryBytes === 33_554_432n,
    );
    await compute.delete("counted");
    await compute.until(
      "it is given back",
      async () => (await hostOf(compute.host)).status?.allocated?.instances === 0,
    );
  });

  test("a host whose engine is away is DEGRADED, and READY when it is back", async () => {
    await second.engine.kill();
    await compute.until("DEGRADED", async () => (await stateOf(second.host)) === HostState.HOST_STATE_DEGRADED);
    const condition = (await hostOf(second.host)).status?.conditions.find(({ type }) => type === "EngineReady");
    assert.equal(condition?.status, ConditionStatus.CONDITION_STATUS_FALSE);
    assert.match(condition?.message ?? "", /engine/);
    await second.engine.start();
    await compute.until("READY", async () => (await stateOf(second.host)) === HostState.HOST_STATE_READY);
  });

  test("a host that dies is LOST with its instances; both come back with it", async () => {
    await compute.created("away", { placement: { host: second.host } });
    await second.kill();
    const since = Date.now();
    await compute.until(
      "LOST",
      async () => (await stateOf(second.host)) === HostState.HOST_STATE_LOST,
      LOST_TIMEOUT_MS,
    );
    const tookMs = Date.now() - since;
    assert.ok(tookMs > 4_000, `a host that may only have been slow was given up after ${tookMs} ms`);
    await compute.until(
      "the instance is LOST",
      async () => (await compute.get("away")).status?.state === InstanceState.INSTANCE_STATE_LOST,
    );
    assert.equal(await stateOf(compute.host), HostState.HOST_STATE_READY);
    await assert.rejects(compute.create("more", { placement: { host: second.host } }), GantryError);
    await second.startProcess();
    await compute.until("READY", async () => (await stateOf(second.host)) === HostState.HOST_STATE_READY);
    await compute.until(
      "the instance runs",
      async () => (await compute.get("away")).status?.state === InstanceState.INSTANCE_STATE_RUNNING,
    );
    await compute.delete("away");
  });

  test("a restart is no loss: the host stays READY throughout", async () => {
    const seen = new Set<HostState | undefined>();
    await compute.kill("SIGTERM");
    await compute.startProcess();
    const endMs = Date.now() + 2_000;
    await compute.until("it is looked at for a while", async () => {
      seen.add(await stateOf(compute.host));
      return seen.size > 1 || Date.now() > endMs;
    });
    assert.deepEqual([...seen], [HostState.HOST_STATE_READY]);
  });
});
