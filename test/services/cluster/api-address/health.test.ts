import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Answer,
  chooseServers,
  type Health,
  nextHealth,
} from "../../../../services/cluster/api-address/health.ts";

const LOOKS: { answers: Answer[]; states: Answer[] }[] = [
  { answers: ["ready", "none", "ready", "none"], states: ["ready", "ready", "ready", "ready"] },
  { answers: ["ready", "none", "none", "ready"], states: ["ready", "ready", "none", "ready"] },
  { answers: ["ready", "alive", "none"], states: ["ready", "ready", "none"] },
  { answers: ["none", "alive", "ready"], states: ["none", "alive", "ready"] },
  { answers: ["alive", "none", "none", "none"], states: ["alive", "alive", "none", "none"] },
];

for (const { answers, states } of LOOKS) {
  test(`a server that says ${answers.join(", ")} is held for ${states.join(", ")}`, () => {
    let health: Health | undefined;
    assert.deepEqual(
      answers.map((answer) => (health = nextHealth(health, answer)).state),
      states,
    );
  });
}

const CHOICES: { states: Record<string, Answer>; silent?: number; servers: string[]; dead: string[] }[] = [
  { states: { a: "ready", b: "ready", c: "ready" }, servers: ["a", "b", "c"], dead: [] },
  { states: { a: "ready", b: "alive", c: "none" }, servers: ["a"], dead: ["c"] },
  { states: { a: "ready", b: "alive", c: "none" }, silent: 4, servers: ["a"], dead: [] },
  { states: { a: "none", b: "alive", c: "none" }, servers: ["b"], dead: ["a", "c"] },
  { states: { a: "none", b: "none", c: "none" }, servers: ["a", "b", "c"], dead: [] },
  { states: {}, servers: ["a", "b", "c"], dead: [] },
];

for (const { states, silent = 5, servers, dead } of CHOICES) {
  test(`of ${JSON.stringify(states)}, silent ${silent} times, new connections go to ${servers.join(", ")}`, () => {
    const health = new Map(Object.entries(states).map(([server, state]) => [server, { state, misses: 0, silent }]));
    assert.deepEqual(chooseServers(["a", "b", "c"], health), { servers, dead });
  });
}

test("a server that answers once begins to count anew", () => {
  let health: Health | undefined;
  for (const answer of ["ready", "none", "none", "none", "alive", "none"] as const) health = nextHealth(health, answer);
  assert.equal(health!.silent, 1);
});
