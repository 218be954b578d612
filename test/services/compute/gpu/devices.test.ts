import assert from "node:assert/strict";
import { test } from "node:test";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { deviceRequests } from "../../../../services/compute/gpu/device-requests.ts";
import { cdiDevices, nvidiaDevices } from "../../../../services/compute/gpu/devices.ts";
import { parseNvidia } from "../../../../services/compute/gpu/nvidia-smi.ts";

const TABLE = "0, NVIDIA A100-SXM4-80GB, 81920, Disabled\n1, NVIDIA A100-SXM4-80GB, 81920, Enabled\n";
const LIST = `GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaaaaaa-1111-2222-3333-444444444444)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbbbbbb-1111-2222-3333-444444444444)
  MIG 3g.40gb     Device  0: (UUID: MIG-cccccccc-1111-2222-3333-444444444444)
  MIG 1g.10gb     Device  1: (UUID: MIG-dddddddd-1111-2222-3333-444444444444)
`;
const GIB = 1024 ** 3;

test("nvidia-smi: whole GPUs, and slices in place of a GPU that is cut up", () => {
  assert.deepEqual(parseNvidia(TABLE, LIST), [
    { index: "0", model: "NVIDIA A100-SXM4-80GB", memoryBytes: 80 * GIB },
    { index: "1:0", model: "NVIDIA A100-SXM4-80GB MIG 3g.40gb", memoryBytes: 40 * GIB },
    { index: "1:1", model: "NVIDIA A100-SXM4-80GB MIG 1g.10gb", memoryBytes: 10 * GIB },
  ]);
});

test("nvidia-smi: cards without slices or without a known memory size", () => {
  assert.deepEqual(parseNvidia("0, Tesla K80, [N/A], [N/A]\n", "GPU 0: Tesla K80 (UUID: GPU-x)\n"), [
    { index: "0", model: "Tesla K80", memoryBytes: 0 },
  ]);
  assert.deepEqual(parseNvidia("", ""), []);
});

test("each CDI device once: no `all`, no second names, no whole beside its slices, no network cards", () => {
  const ids = [
    "nvidia.com/gpu=all",
    "nvidia.com/gpu=0",
    "nvidia.com/gpu=GPU-aaaaaaaa-1111-2222-3333-444444444444",
    "nvidia.com/gpu=1",
    "nvidia.com/gpu=1:0",
    "nvidia.com/gpu=1:1",
    "nvidia.com/gpu=10",
    "vendor.com/nic=eth0",
    "example.com/gpu=all",
  ];
  const devices = cdiDevices(ids, parseNvidia(TABLE, LIST));
  assert.deepEqual(
    devices.map(({ id }) => id),
    ["example.com/gpu=all", "nvidia.com/gpu=0", "nvidia.com/gpu=1:0", "nvidia.com/gpu=1:1", "nvidia.com/gpu=10"],
  );
  assert.equal(devices[1]!.model, "NVIDIA A100-SXM4-80GB");
  assert.equal(devices[2]!.memoryBytes, BigInt(40 * GIB));
  assert.ok(devices.every(({ driver }) => driver === "cdi"));
});

test("where devices have no other names, their UUIDs are their names", () => {
  const ids = ["nvidia.com/gpu=GPU-aaaaaaaa-1111-2222-3333-444444444444", "nvidia.com/gpu=all"];
  assert.deepEqual(
    cdiDevices(ids, []).map(({ id }) => id),
    ["nvidia.com/gpu=GPU-aaaaaaaa-1111-2222-3333-444444444444"],
  );
});

test("requests to the engine: CDI devices in one, NVIDIA's older form in another", () => {
  const devices = [
    ...cdiDevices(["example.com/gpu=0", "example.com/gpu=1"], []),
    ...nvidiaDevices(parseNvidia(TABLE, LIST)),
  ];
  assert.deepEqual(deviceRequests(["example.com/gpu=1", "nvidia.com/gpu=0", "example.com/gpu=0"], devices), [
    { Driver: "cdi", DeviceIDs: ["example.com/gpu=1", "example.com/gpu=0"] },
    { Driver: "nvidia", DeviceIDs: ["0"], Capabilities: [["gpu"]] },
  ]);
  assert.deepEqual(deviceRequests([], devices), []);
  assert.throws(
    () => deviceRequests(["example.com/gpu=9"], devices),
    (error: GantryError) => error.reason === "GPU_NOT_FOUND",
  );
});
