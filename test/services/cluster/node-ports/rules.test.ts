import assert from "node:assert/strict";
import { test } from "node:test";
import { removal, ruleSet } from "../../../../services/cluster/node-ports/rules.ts";

const TABLE = { uid: "u-1", subnet: "10.208.0.0/24", bridge: "br-0123456789ab" };

const CASES = [
  {
    what: "one address of the host",
    port: { hostIp: "192.0.2.1", hostPort: 8080, protocol: "tcp", to: "10.208.0.3", port: 80 },
    rule: "ip daddr 192.0.2.1 tcp dport 8080 dnat to 10.208.0.3:80",
  },
  {
    what: "all addresses of the host",
    port: { hostIp: "0.0.0.0", hostPort: 53, protocol: "udp", to: "10.208.0.4", port: 30053 },
    rule: "fib daddr type local udp dport 53 dnat to 10.208.0.4:30053",
  },
  {
    what: "SCTP",
    port: { hostIp: "127.0.0.1", hostPort: 38412, protocol: "sctp", to: "10.208.0.3", port: 38412 },
    rule: "ip daddr 127.0.0.1 sctp dport 38412 dnat to 10.208.0.3:38412",
  },
];

for (const { what, port, rule } of CASES) {
  test(`rules of nodes' ports: ${what}`, () => {
    const lead = /chain lead \{\n([^}]*)\}/.exec(ruleSet({ ...TABLE, ports: [port] }))?.[1];
    assert.equal(lead?.trim(), rule);
  });
}

test("the table takes the place of what was there, and nodes do not reach the host's loopback", () => {
  const rules = ruleSet({ ...TABLE, ports: CASES.map(({ port }) => port) });
  assert.ok(rules.startsWith(removal("u-1")));
  assert.match(rules, /iifname "br-0123456789ab" ip daddr 127\.0\.0\.0\/8 drop/);
});
