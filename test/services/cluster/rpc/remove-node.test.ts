import assert from "node:assert/strict";
import { test } from "node:test";
import { Node, NodeRole, NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { checkRemovable } from "../../../../services/cluster/rpc/remove-node.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";

const cluster = "projects/default/clusters/dev";
const node = (id: string, role: NodeRole, state: NodeState) =>
  Node.fromPartial({ meta: { name: `${cluster}/nodes/dev-${id}` }, spec: { role }, status: { state } });
const worker = node("worker", NodeRole.NODE_ROLE_WORKER, NodeState.NODE_STATE_NOT_READY);

/** Control planes, a letter each: `r` ready, `x` not. */
const controlPlanes = (states: string) =>
  [...states].map((state, i) =>
    node(
      `control-plane${i + 1}`,
      NodeRole.NODE_ROLE_CONTROL_PLANE,
      state === "r" ? NodeState.NODE_STATE_READY : NodeState.NODE_STATE_NOT_READY,
    ),
  );

/** Reason for which the control plane at `index` may not be removed; empty: it may. */
function refusal(states: string, index: number): string {
  const members = controlPlanes(states);
  try {
    checkRemovable(members[index]!, [...members, worker]);
    return "";
  } catch (error) {
    if (error instanceof GantryError) return error.reason;
    throw error;
  }
}

test("a worker may always go", () => checkRemovable(worker, [worker]));

const cases: [states: string, index: number, reason: string][] = [
  ["r", 0, "LAST_CONTROL_PLANE"],
  ["rr", 0, ""],
  // One of two that does not answer: etcd has no majority that could agree on its removal.
  ["rx", 1, "ETCD_MAJORITY"],
  ["rrr", 0, ""],
  ["rrx", 2, ""],
  ["rrx", 0, "ETCD_MAJORITY"],
  ["rxx", 1, "ETCD_MAJORITY"],
  ["rrrrx", 0, ""],
  ["rrrxx", 3, ""],
  ["rrrxx", 0, "ETCD_MAJORITY"],
];
for (const [states, index, reason] of cases) {
  test(`${states}: the one at ${index}`, () => assert.equal(refusal(states, index), reason));
}
