import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { isDeepStrictEqual, promisify } from "node:util";
import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { type Instance, InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { failure, TestCompute } from "./support/compute.ts";
import { startLxcfs, type TestLxcfs } from "./support/lxcfs.ts";

const MIB = 1n << 20n;
const COMMAND_TIMEOUT_MS = 30_000;
const run = promisify(execFile);

let lxcfs: TestLxcfs;
let compute: TestCompute;
before(async () => {
  lxcfs = await startLxcfs();
  compute = await TestCompute.start({ env: { GANTRY_LXCFS_DIR: lxcfs.dir } });
  await compute.capabilitiesKnown();
});
after(async () => {
  await compute?.[Symbol.asyncDispose]();
  await lxcfs?.[Symbol.asyncDispose]();
});

/** A command in the instance's own namespaces, as its processes run. */
async function inside(id: string, ...command: string[]): Promise<string> {
  const { State } = await inspectContainer(compute.engine, compute.containerName(id));
  const args = ["--target", String(State.Pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--"];
  return (await run("nsenter", [...args, ...command], { timeout: COMMAND_TIMEOUT_MS })).stdout;
}

interface Seen {
  memoryKib: number;
  processors: number;
  onlineProcessors: string;
}

async function seen(id: string): Promise<Seen> {
  // Not `cat`: busybox's takes sendfile, for which the kernel does not ask lxcfs anew how long a file is.
  const read = (path: string): Promise<string> => inside(id, "head", "-n", "10000", path);
  const [memory, cpuinfo, online] = await Promise.all([
    read("/proc/meminfo"),
    read("/proc/cpuinfo"),
    read("/sys/devices/system/cpu/online"),
  ]);
  return {
    memoryKib: Number(/^MemTotal:\s+(\d+) kB$/m.exec(memory)![1]),
    processors: cpuinfo.match(/^processor\s*:/gm)!.length,
    onlineProcessors: online.trim(),
  };
}

function limitsVisible({ status }: Instance): unknown[] {
  const condition = status!.conditions.find(({ type }) => type === "LimitsVisible")!;
  return [condition.status, condition.reason];
}

const VISIBLE = [ConditionStatus.CONDITION_STATUS_TRUE, "Lxcfs"];
const NOT_VISIBLE = [ConditionStatus.CONDITION_STATUS_FALSE, "NoLxcfs"];

test("the host says what lxcfs shows", async () => {
  const { available, detail } = (await compute.getHost())!.status!.capabilities["lxcfs"]!;
  assert.equal(available, true, detail);
  assert.match(detail, /\/proc\/meminfo/);
});

test("an instance sees its own limits, also after they change", async () => {
  const made = await compute.created("small", { memoryBytes: 64n * MIB, cpuMillis: 1000n });
  assert.deepEqual(limitsVisible(made), VISIBLE);
  assert.deepEqual(await seen("small"), { memoryKib: 64 * 1024, processors: 1, onlineProcessors: "0" });
  const total = /^Mem:\s*(\d+)K used,\s*(\d+)K free/m.exec(await inside("small", "top", "-bn1"))!;
  assert.ok(Number(total[1]) + Number(total[2]) <= 64 * 1024, total[0]);

  await compute.verb("resize", "small", { memoryBytes: 128n * MIB, cpuMillis: 2000n });
  // The kernel keeps the sizes of files of lxcfs for a second.
  const wanted: Seen = { memoryKib: 128 * 1024, processors: 2, onlineProcessors: "0-1" };
  await compute.until("it sees the new limits", async () => isDeepStrictEqual(await seen("small"), wanted));
});

test("an inner engine works with it: it runs a container, and the instance sees its limit", async () => {
  const made = await compute.created("inner", { image: "", command: [], memoryBytes: 512n * MIB, cpuMillis: 1000n });
  assert.equal(made.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
  assert.match(made.status.innerEngineVersion, /^\d+\./);
  assert.deepEqual(limitsVisible(made), VISIBLE);
  assert.equal((await seen("inner")).memoryKib, 512 * 1024);
  const script =
    "tar -c -h -C / bin/busybox | docker import - tiny >&2 && docker run --rm --network none -m 32m tiny /bin/busybox cat /proc/self/comm";
  assert.equal(await inside("inner", "sh", "-c", script), "busybox\n");
});

test("where lxcfs is not there, instances are made without and say so; those made with it start when it is back", async () => {
  const made = await compute.created("before", { memoryBytes: 64n * MIB });
  await compute.verb("stop", "before");
  await lxcfs.stop();
  const without = await compute.created("without", { memoryBytes: 64n * MIB });
  assert.deepEqual(limitsVisible(without), NOT_VISIBLE);
  assert.ok((await seen("without")).memoryKib > 64 * 1024);
  const error = await failure(compute.verb("start", "before"));
  assert.ok(error.message.includes(`${lxcfs.dir}/proc/`), error.message);

  await lxcfs.start();
  await compute.verb("start", "before");
  assert.equal((await seen("before")).memoryKib, 64 * 1024);
  assert.deepEqual(limitsVisible(await compute.get("before")), limitsVisible(made));
});
