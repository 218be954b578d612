import assert from "node:assert/strict";
import { test } from "node:test";
import { removal, ruleSet } from "../../../../services/cluster/api-address/rules.ts";

const SPREAD = { address: "10.208.0.2", subnet: "10.208.0.0/24" };

/** Lines of a chain, without its braces. */
function chain(rules: string, name: string): string[] {
  const body = new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)  \\}\\n`).exec(rules)?.[1];
  assert.ok(body !== undefined, `chain ${name}`);
  return body.split("\n").flatMap((line) => line.trim() || []);
}

const CASES = [
  {
    what: "three that serve",
    servers: ["10.208.0.3", "10.208.0.4", "10.208.0.5"],
    dead: [],
    spread: "numgen inc mod 3 map { 0 : 10.208.0.3, 1 : 10.208.0.4, 2 : 10.208.0.5 }",
  },
  {
    what: "one of three",
    servers: ["10.208.0.4"],
    dead: ["10.208.0.3", "10.208.0.5"],
    spread: "numgen inc mod 1 map { 0 : 10.208.0.4 }",
  },
];

for (const { what, servers, dead, spread } of CASES) {
  test(`rules of an API address: ${what}`, () => {
    const rules = ruleSet({ ...SPREAD, servers, dead });
    assert.deepEqual(chain(rules, "spread"), [`ip daddr 10.208.0.2 tcp dport 6443 dnat to ${spread}`]);
    for (const name of ["from-outside", "from-host"]) assert.equal(chain(rules, name).at(-1), "jump spread");
    for (const name of ["through", "from-host-cut"]) assert.equal(chain(rules, name).at(-1), "jump cut");
    assert.deepEqual(
      chain(rules, "cut"),
      dead.map(
        (server) =>
          `ip daddr ${server} ct direction original ct original ip daddr 10.208.0.2 meta l4proto tcp reject with tcp reset`,
      ),
    );
    assert.equal(
      chain(rules, "back-by-host").at(-1),
      "ip saddr 10.208.0.0/24 ct direction original ct original ip daddr 10.208.0.2 masquerade",
    );
  });
}

test("a table is replaced, and removed, whether it is there or not", () => {
  const gone = "table ip gantry-api-10.208.0.2\ndelete table ip gantry-api-10.208.0.2\n";
  assert.equal(removal(SPREAD.address), gone);
  assert.ok(ruleSet({ ...SPREAD, servers: ["10.208.0.3"], dead: [] }).startsWith(gone));
});
