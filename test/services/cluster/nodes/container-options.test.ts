import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { MountPropagation, Node, NodeRole, type NodeSpec } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { nodeContainerOptions } from "../../../../services/cluster/nodes/container-options.ts";

const NAME = "projects/default/clusters/dev";

function cluster(name = NAME, more: Record<string, unknown> = {}): Cluster {
  return Cluster.fromPartial({
    meta: { name, uid: "c-uid" },
    spec: { image: "kindest/node:v1.31.0", networking: { dnsSearch: ["example.com"] } },
    reservation: { subnet: "10.208.0.0/24", apiIpv4: "10.208.0.2", endpointName: "dev-api", apiPort: 40123 },
    ...more,
  } as never);
}

function options(spec: Partial<Record<keyof NodeSpec, unknown>>, of = cluster()) {
  const node = Node.fromPartial({
    meta: { name: `${of.meta!.name}/nodes/dev-worker`, uid: "n-uid" },
    spec: { role: NodeRole.NODE_ROLE_WORKER, ...spec },
    reservation: { ipv4: "10.208.0.3", podCidr: "10.244.1.0/24", kubernetesName: "dev-worker" },
  } as never);
  return nodeContainerOptions({ realm: "0123456789ab", cluster: of, node, network: "gantry-dev" });
}

test("a node is what kind makes it", () => {
  const { HostConfig: host, ...made } = options({});
  assert.equal(made.Image, "kindest/node:v1.31.0");
  assert.equal(made.Hostname, "dev-worker");
  assert.equal(made.Tty, true);
  assert.deepEqual(made.Env, []);
  const labels: Record<string, string | undefined> = made.Labels;
  assert.equal(labels["io.x-k8s.kind.cluster"], "dev");
  assert.equal(labels["io.x-k8s.kind.role"], "worker");
  assert.equal(labels["gantry.dev/name"], `${NAME}/nodes/dev-worker`);
  assert.equal(labels["gantry.dev/uid"], "n-uid");
  assert.equal(labels["gantry.dev/realm"], "0123456789ab");
  assert.equal(host.Privileged, true);
  assert.deepEqual(host.SecurityOpt, ["seccomp=unconfined", "apparmor=unconfined"]);
  assert.equal(host.CgroupnsMode, "private");
  assert.equal(host.Init, false);
  assert.deepEqual(Object.keys(host.Tmpfs), ["/tmp", "/run"]);
  const [data, modules] = host.Mounts as Record<string, unknown>[];
  assert.equal(data!["Target"], "/var");
  assert.equal("Source" in data!, false);
  assert.deepEqual(modules, { Type: "bind", Source: "/lib/modules", Target: "/lib/modules", ReadOnly: true });
});

test("its address is pinned, it knows the API by name, and the network by it the node whose address is the API's", () => {
  const made = options({});
  assert.deepEqual(made.NetworkingConfig.EndpointsConfig["gantry-dev"], { IPAMConfig: { IPv4Address: "10.208.0.3" } });
  assert.equal(made.HostConfig.NetworkMode, "gantry-dev");
  const alone = cluster(NAME, { reservation: { apiIpv4: "10.208.0.3", endpointName: "dev-api" } });
  assert.deepEqual(options({}, alone).NetworkingConfig.EndpointsConfig["gantry-dev"], {
    IPAMConfig: { IPv4Address: "10.208.0.3" },
    Aliases: ["dev-api"],
  });
  assert.deepEqual(made.HostConfig.ExtraHosts, ["dev-api:10.208.0.2"]);
  assert.deepEqual(made.HostConfig.DnsSearch, ["example.com"]);
});

test("a control plane publishes the API and has kubectl's configuration in its environment", () => {
  const made = options({ role: NodeRole.NODE_ROLE_CONTROL_PLANE });
  assert.equal(made.Labels["io.x-k8s.kind.role"], "control-plane");
  assert.deepEqual(made.Env, ["KUBECONFIG=/etc/kubernetes/admin.conf"]);
  assert.deepEqual(made.HostConfig.PortBindings, { "6443/tcp": [{ HostIp: "127.0.0.1", HostPort: "40123" }] });
  assert.deepEqual(made.ExposedPorts, { "6443/tcp": {} });
});

test("the API is published where the cluster says, and nowhere when it has an address of its own", () => {
  const at = cluster(NAME, { spec: { networking: { apiServerAddress: "192.0.2.1" } } });
  const elsewhere = options({ role: NodeRole.NODE_ROLE_CONTROL_PLANE }, at);
  assert.deepEqual(elsewhere.HostConfig.PortBindings, { "6443/tcp": [{ HostIp: "192.0.2.1", HostPort: "40123" }] });
  const spread = cluster(NAME, { reservation: { apiIpv4: "10.208.0.2", endpointName: "dev-api", apiPort: 0 } });
  assert.deepEqual(options({ role: NodeRole.NODE_ROLE_CONTROL_PLANE }, spread).HostConfig.PortBindings, {});
});

test("limits hold for processor, memory and swap", () => {
  const { HostConfig: host } = options({ cpuMillis: 1500n, memoryBytes: 2n ** 30n });
  assert.equal(host.NanoCpus, 1_500_000_000);
  assert.equal(host.Memory, 2 ** 30);
  assert.equal(host.MemorySwap, 2 ** 30);
});

test("mounts, ports and devices come from the spec", () => {
  const { HostConfig: host } = options({
    image: "own:1",
    mounts: [
      { hostPath: "/srv", containerPath: "/data", readOnly: true },
      { hostPath: "/a", containerPath: "/b", propagation: MountPropagation.MOUNT_PROPAGATION_BIDIRECTIONAL },
    ],
    ports: [
      { hostPort: 8080, port: 80, protocol: "tcp" },
      { hostIp: "0.0.0.0", hostPort: 0, port: 53, protocol: "udp" },
    ],
    devices: ["nvidia.com/gpu=0"],
  });
  const bind = (from: string, to: string, readOnly: boolean, propagation: string) => ({
    Type: "bind",
    Source: from,
    Target: to,
    ReadOnly: readOnly,
    BindOptions: { CreateMountpoint: true, Propagation: propagation },
  });
  assert.deepEqual(host.Mounts.slice(2), [bind("/srv", "/data", true, "rprivate"), bind("/a", "/b", false, "rshared")]);
  assert.deepEqual(host.PortBindings, {
    "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
    "53/udp": [{ HostIp: "0.0.0.0", HostPort: "" }],
  });
  assert.deepEqual(host.DeviceRequests, [{ Driver: "cdi", DeviceIDs: ["nvidia.com/gpu=0"] }]);
});

test("a cluster of another project carries that project's name in kind's label", () => {
  assert.equal(options({}, cluster("projects/team/clusters/dev")).Labels["io.x-k8s.kind.cluster"], "team.dev");
});
