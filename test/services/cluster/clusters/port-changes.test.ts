import assert from "node:assert/strict";
import { test } from "node:test";
import { Node, NodePort } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { powersOf } from "../../../../services/cluster/clusters/host-powers.ts";
import { addedPorts, checkPortChange } from "../../../../services/cluster/clusters/port-changes.ts";
import { enginePorts } from "../../../../services/cluster/clusters/published-ports.ts";
import { Violations } from "../../../../services/common/names/violations.ts";

const port = (hostPort: number, hostIp = "127.0.0.1") =>
  NodePort.fromPartial({ hostIp, hostPort, port: 80, protocol: "tcp" });
const nodeWith = (ports: NodePort[], held: NodePort[] = []) =>
  Node.fromPartial({ spec: { ports }, reservation: { ports: held } });

function problems(before: Node, ports: NodePort[]): string[] {
  const found = new Violations();
  checkPortChange(found, before, ports, "ports");
  return found.list.map(({ field, description }) => `${field}: ${description}`);
}

test("the engine publishes what is not reserved; a port that was left open is the one that was given", () => {
  const node = nodeWith([port(0), port(8080), port(443, "::1")], [port(40_001)]);
  assert.deepEqual(enginePorts(node), [port(8080), port(443, "::1")]);
});

test("the engine's ports stay as they are; what is new is of IPv4", () => {
  const before = nodeWith([port(8080), port(9090)], [port(9090)]);
  assert.deepEqual(problems(before, [port(8080), port(9091)]), []);
  assert.deepEqual(problems(before, [port(9090), port(1, "::1")]), [
    "ports: port 8080/tcp of 127.0.0.1 cannot be taken away or changed: it is published with the node's container",
    "ports[1].host_ip: is no IPv4 address: others only when the node is made",
  ]);
});

test("a port is asked for once", () => {
  assert.match(problems(nodeWith([]), [port(80), port(80, "0.0.0.0")]).join(), /second time \(see ports\[0\]/);
});

test("only what is new must be free", () => {
  const before = nodeWith([port(0), port(9090)], [port(40_001), port(9090)]);
  const added = addedPorts(before, nodeWith([port(0), port(9090), port(9191)]));
  assert.deepEqual(
    added.map(({ hostPort, field }) => [hostPort, field]),
    [[9191, "node.spec.ports[2].host_port"]],
  );
});

test("what a process may do is read from its capabilities", () => {
  assert.deepEqual(powersOf("Name:\tnode\nCapEff:\t000001fffeffffff\n"), { network: true, mounts: true });
  assert.deepEqual(powersOf("CapEff:\t0000000000001000\n"), { network: true, mounts: false });
  assert.deepEqual(powersOf("CapEff:\t0000000000000000\n"), { network: false, mounts: false });
});
