import assert from "node:assert/strict";
import { test } from "node:test";
import { Node, NodeRole, NodeSpec, NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { checkDevices, checkRoom, memoryDemand } from "../../../../services/cluster/clusters/check-room.ts";
import { availableMemory } from "../../../../services/cluster/clusters/host-facts.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;
const controlPlane = NodeSpec.fromPartial({ role: NodeRole.NODE_ROLE_CONTROL_PLANE });
const worker = NodeSpec.fromPartial({ role: NodeRole.NODE_ROLE_WORKER });
const limited = NodeSpec.fromPartial({ role: NodeRole.NODE_ROLE_WORKER, memoryBytes: BigInt(2 * GIB) });

const told = (work: () => void): string => {
  try {
    work();
    return "";
  } catch (error) {
    assert.ok(error instanceof GantryError);
    assert.equal(error.reason, "HOST_TOO_SMALL");
    return error.message;
  }
};

test("a node needs its limit, or where it has none the least for its role", () => {
  assert.deepEqual([controlPlane, worker, limited].map(memoryDemand), [700 * MIB, 300 * MIB, 2 * GIB]);
});

test("memory and disk that are not there are told together", () => {
  const nodes = [controlPlane, worker];
  assert.equal(
    told(() => checkRoom(nodes, [], { memoryBytes: 1_000 * MIB, diskBytes: 1_600 * MIB }, "a")),
    "",
  );
  assert.match(
    told(() => checkRoom(nodes, [], { memoryBytes: 999 * MIB, diskBytes: GIB * 9 }, "a")),
    /1000 MiB of memory, and 999 are free$/,
  );
  const both = told(() => checkRoom(nodes, [], { memoryBytes: MIB, diskBytes: MIB }, "a"));
  assert.match(both, /1000 MiB of memory, and 1 are free; 1600 MiB of disk, and 1 are free$/);
});

test("what nodes that are being created will take is not free", () => {
  const node = (state: NodeState) => Node.fromPartial({ spec: limited, status: { state } });
  const room = { memoryBytes: 2 * GIB, diskBytes: 9 * GIB };
  assert.equal(
    told(() => checkRoom([worker], [node(NodeState.NODE_STATE_READY)], room, "a")),
    "",
  );
  assert.match(
    told(() => checkRoom([worker], [node(NodeState.NODE_STATE_CREATING)], room, "a")),
    /and 0 are free$/,
  );
});

test("what the kernel says is available", () => {
  assert.equal(availableMemory("MemTotal:  9 kB\nMemAvailable:   1024 kB\n"), MIB);
  assert.throws(() => availableMemory(""), /MemAvailable/);
});

test("a device that the engine does not have is told, unless the engine is too old to say", () => {
  const gpu = NodeSpec.fromPartial({ role: NodeRole.NODE_ROLE_WORKER, devices: ["nvidia.com/gpu=0"] });
  const check = (...devices: string[]) => checkDevices([controlPlane, gpu], { devices: new Set(devices) }, "here");
  check("nvidia.com/gpu=0", "nvidia.com/gpu=all");
  checkDevices([gpu], { devices: undefined }, "here");
  checkDevices([controlPlane], { devices: new Set() }, "here");
  const missing = /host here has no device nvidia\.com\/gpu=0; of its Container Device Interface it has /;
  for (const [has, told] of [
    [[], "none"],
    [["b.c/d=2", "b.c/d=1"], "b.c/d=1, b.c/d=2"],
  ] as const) {
    assert.throws(
      () => check(...has),
      ({ reason, message }: GantryError) =>
        reason === "NO_SUCH_DEVICE" && missing.test(message) && message.endsWith(told),
    );
  }
});
