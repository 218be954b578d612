import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { lockFile, withFileLock } from "../../../../deploy/local/process/file-lock.ts";
import { testFolder } from "../../../support/cleanup.ts";

test("one holder at a time, and the next one waits", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "lock");
  const order: string[] = [];
  const hold = (name: string) =>
    withFileLock(path, 5_000, async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push(`${name} out`);
    });
  await Promise.all([hold("a"), hold("b")]);
  assert.deepEqual(
    order.map((entry) => entry.split(" ")[1]),
    ["in", "out", "in", "out"],
  );
});

test("a lock is not had while another holds it, and is free when its holders have ended", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "lock");
  const first = await lockFile(path, 0);
  assert.ok(first);
  assert.equal(await lockFile(path, 0), undefined);
  // A child that inherits the file holds the lock with us, and after us.
  const child = spawn("sleep", ["100"], { stdio: ["ignore", "ignore", "ignore", first.fd] });
  await once(child, "spawn");
  first.release();
  assert.equal(await lockFile(path, 0), undefined);
  child.kill("SIGKILL");
  const second = await lockFile(path, 5_000);
  assert.ok(second);
  second.release();
});
