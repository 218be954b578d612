import assert from "node:assert/strict";
import { test } from "node:test";
import { Instance, InstanceSpec } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { containerOptions, type ViewMount } from "../../../../services/compute/instances/container-options.ts";
import { withDefaults } from "../../../../services/compute/instances/defaults.ts";

function optionsFor(spec: Record<string, unknown>, limitsView: ViewMount[] = []) {
  const instance = Instance.fromPartial({
    meta: { name: "projects/default/instances/web", uid: "0f3a" },
    reservation: { ipv4: "10.200.0.7" },
  });
  instance.spec = withDefaults(InstanceSpec.fromPartial(spec), { id: "web", defaultImage: "docker:dind" });
  const host = { network: "gantry", deviceRequests: [], innerPool: "10.204.0.0/16", limitsView };
  return containerOptions({ instance, realm: "0123456789ab", ...host });
}

test("a plain container: identity, limits and address, and no privilege", () => {
  const options = optionsFor({
    image: "busybox",
    command: ["sleep", "9"],
    env: { A: "1=2" },
    cpuMillis: 1500n,
    memoryBytes: 64n << 20n,
    pidsMax: 50n,
    networks: ["other"],
    ports: [
      { hostIp: "", hostPort: 0, port: 80, protocol: "" },
      { hostIp: "0.0.0.0", hostPort: 8080, port: 80, protocol: "tcp" },
    ],
    stopTimeout: { seconds: 1n, nanos: 500_000_000 },
  });
  assert.deepEqual(options, {
    Image: "busybox",
    Hostname: "web",
    Env: ["A=1=2"],
    Cmd: ["sleep", "9"],
    Labels: {
      "gantry.dev/name": "projects/default/instances/web",
      "gantry.dev/uid": "0f3a",
      "gantry.dev/realm": "0123456789ab",
      "gantry.dev/kind": "instance",
    },
    StopTimeout: 2,
    ExposedPorts: { "80/tcp": {} },
    HostConfig: {
      NanoCpus: 1.5e9,
      Memory: 64 << 20,
      MemorySwap: 64 << 20,
      PidsLimit: 50,
      RestartPolicy: { Name: "unless-stopped" },
      Privileged: false,
      CgroupnsMode: "private",
      NetworkMode: "gantry",
      PortBindings: {
        "80/tcp": [
          { HostIp: "127.0.0.1", HostPort: "" },
          { HostIp: "0.0.0.0", HostPort: "8080" },
        ],
      },
      DeviceRequests: [],
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      Mounts: [],
    },
    NetworkingConfig: { EndpointsConfig: { gantry: { IPAMConfig: { IPv4Address: "10.200.0.7" } }, other: {} } },
  });
});

test("an inner engine: mutual TLS alone, its own data, privileged", () => {
  const options = optionsFor({});
  assert.equal(options.Image, "docker:dind");
  assert.equal(options.HostConfig.Privileged, true);
  assert.deepEqual(options.Env, ["DOCKER_TLS_CERTDIR="]);
  assert.deepEqual(
    options.HostConfig.Mounts.map(({ Type, Source, Target }) => [Type, Source, Target]),
    [["volume", "gantry-0f3a-docker", "/var/lib/docker"]],
  );
  const command = options.Cmd!;
  // The official entry point adds listeners of its own to anything that begins otherwise.
  assert.equal(command[0], "dockerd");
  assert.deepEqual(
    command.filter((word) => word.startsWith("--host=")),
    ["--host=unix:///var/run/docker.sock", "--host=tcp://0.0.0.0:2376"],
  );
  assert.ok(command.includes("--tlsverify"));
  assert.ok(command.includes("--bip=10.204.0.1/24"));
});

test("no limit, restart policies, a disk limit", () => {
  const { Memory, NanoCpus, PidsLimit } = optionsFor({}).HostConfig;
  assert.deepEqual([Memory, NanoCpus, PidsLimit], [0, 0, -1]);
  const policies = [0, 1, 2, 3].map((restartPolicy) => optionsFor({ restartPolicy }).HostConfig.RestartPolicy.Name);
  assert.deepEqual(policies, ["unless-stopped", "unless-stopped", "on-failure", "no"]);
  assert.deepEqual(optionsFor({ diskBytes: 5n }).HostConfig.StorageOpt, { size: "5" });
});

test("a view of the limits is mounted over what shows the host, and told by a label", () => {
  const view = { source: "/var/lib/lxcfs/proc/meminfo", target: "/proc/meminfo" };
  for (const image of ["", "busybox"]) {
    const { HostConfig, Labels } = optionsFor({ image }, [view]);
    const mounts = HostConfig.Mounts.filter(({ Type }) => Type === "bind");
    assert.deepEqual(mounts, [{ Type: "bind", Source: view.source, Target: view.target, ReadOnly: false }]);
    assert.equal(HostConfig.Mounts.length, image === "" ? 2 : 1, "an inner engine keeps its data's volume");
    assert.equal(Labels["gantry.dev/limits-view"], "lxcfs");
  }
});
