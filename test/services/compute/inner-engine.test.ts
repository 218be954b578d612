import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { probeInnerEngine } from "../../../services/compute/inner-engine/wait-ready.ts";
import { DIND, failure, TestCompute } from "./support/compute.ts";

let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
  await compute.capabilitiesKnown();
});
after(() => compute?.[Symbol.asyncDispose]());

test("the default image's engine answers over mutual TLS alone", async () => {
  const instance = await compute.created("dev", { image: "", command: [] });
  const address = instance.reservation!.ipv4;
  assert.equal(instance.spec?.image, DIND);
  assert.equal(instance.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
  assert.equal(instance.status.dockerHost, `tcp://${address}:2376`);
  assert.match(instance.status.innerEngineVersion, /^\d+\./);

  const env = await compute.ask("getInstanceDockerEnv", { name: compute.name("dev") });
  assert.equal(env.dockerHost, instance.status.dockerHost);
  const ca = env.caCertificate.toString();
  const client = { certificate: env.clientCertificate.toString(), key: env.clientKey.toString() };
  const signal = AbortSignal.timeout(10_000);
  assert.equal(await probeInnerEngine({ address, ca, client }, signal), instance.status.innerEngineVersion);
  // A certificate of another instance's authority is refused, and plain 2375 is not there.
  const other = await compute.created("other", { image: "", command: [] });
  const otherEnv = await compute.ask("getInstanceDockerEnv", { name: compute.name("other") });
  const stranger = { address: other.reservation!.ipv4, ca: otherEnv.caCertificate.toString(), client };
  await assert.rejects(probeInnerEngine(stranger, signal), /alert|ECONNRESET|EPIPE/i);
  await assert.rejects(connected(address, 2375), { code: "ECONNREFUSED" });

  const container = await inspectContainer(compute.engine, compute.containerName("dev"));
  const text = JSON.stringify(container);
  assert.ok(!text.includes("PRIVATE KEY"), "no key is to be seen on the engine");
});

test("a viewer may not have the engine's keys, and an instance without an engine has none", async () => {
  await compute.created("plain");
  const name = compute.name("plain");
  assert.equal((await failure(compute.ask("getInstanceDockerEnv", { name }))).reason, "NO_INNER_ENGINE");
  const token = await compute.realm.token({ roles: { [`p${compute.id}`]: "viewer" } });
  assert.equal((await failure(compute.ask("getInstanceDockerEnv", { name }, { token }))).reason, "PERMISSION_DENIED");
});

function connected(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: 5_000 }, () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
  });
}
