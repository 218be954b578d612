import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { LimitsView } from "../../../../services/compute/hosts/limits-view.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gantry-limits-view-"));
});
after(() => rm(dir, { recursive: true }));

async function tree(name: string, files: Record<string, string>): Promise<string> {
  const root = join(dir, name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

const MEMINFO = "MemTotal: 65536 kB\n";

test("what is offered is mounted where it belongs, and only what is known", async () => {
  const root = await tree("all", {
    "proc/uptime": "1 1",
    "proc/meminfo": MEMINFO,
    "proc/slabinfo": "",
    "sys/devices/system/cpu/online": "0",
  });
  assert.deepEqual(await new LimitsView(root).look(), [
    { source: `${root}/proc/meminfo`, target: "/proc/meminfo" },
    { source: `${root}/proc/uptime`, target: "/proc/uptime" },
    { source: `${root}/sys/devices/system/cpu`, target: "/sys/devices/system/cpu" },
  ]);
});

test("an older lxcfs has no processors to show", async () => {
  const root = await tree("old", { "proc/meminfo": MEMINFO });
  assert.deepEqual(await new LimitsView(root).mounts(), [{ source: `${root}/proc/meminfo`, target: "/proc/meminfo" }]);
});

test("what is not there or is something else gives nothing, with a reason; it may come later", async () => {
  const view = new LimitsView(join(dir, "late"));
  await assert.rejects(view.look(), /late\/proc\/meminfo is not there/);
  assert.deepEqual(await view.mounts(), []);
  await tree("late", { "proc/meminfo": "nonsense" });
  await assert.rejects(view.look(), /does not read as meminfo/);
  await tree("late", { "proc/meminfo": MEMINFO });
  assert.equal((await view.mounts()).length, 1);
});

test("one that hangs costs its time only, however many ask", async () => {
  const root = await tree("hangs", { "proc/uptime": "" });
  const fifo = join(root, "proc/meminfo");
  await promisify(execFile)("mkfifo", [fifo]);
  const view = new LimitsView(root);
  const asked = await Promise.allSettled(Array.from({ length: 20 }, () => view.look()));
  for (const { status } of asked) assert.equal(status, "rejected");
  // The process's threads are free: files can be read. The writer lets the one that hangs go.
  await writeFile(fifo, MEMINFO);
});
