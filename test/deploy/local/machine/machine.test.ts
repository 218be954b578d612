import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { majorVersion } from "../../../../deploy/local/install/engine-programs.ts";
import { diskProblems, nearestExisting } from "../../../../deploy/local/machine/disk.ts";
import { portProblem, portProblems } from "../../../../deploy/local/machine/ports.ts";
import { findProgram, programPath } from "../../../../deploy/local/process/find-program.ts";
import { testFolder } from "../../../support/cleanup.ts";

test("a busy port is named, a free one is not", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assert.match((await portProblem("127.0.0.1", port)) ?? "", new RegExp(`port ${port} on 127.0.0.1 is in use`));
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await portProblem("127.0.0.1", port), undefined);
  assert.match((await portProblem("192.0.2.250", 1234)) ?? "", /no such address/);
});

test("of a busy port it is told which option moves it", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  for (const [name, option] of [
    ["http", "--http-port"],
    ["grpc", "--grpc-port"],
    ["clusterMetrics", "--grpc-port"],
  ] as const) {
    const [problem, ...others] = await portProblems("127.0.0.1", { [name]: port });
    assert.match(problem ?? "", new RegExp(`^port ${port} on 127.0.0.1 is in use by another program: .*${option}`));
    assert.deepEqual(others, []);
  }
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await portProblems("127.0.0.1", { http: port }), []);
});

test("disk: a folder that is not there yet is judged by where it would be", async () => {
  await using folder = await testFolder();
  assert.equal(nearestExisting(join(folder.path, "a", "b")), folder.path);
  assert.deepEqual(diskProblems(join(folder.path, "a", "b")), []);
  // A pseudo file system has no space at all.
  assert.ok(diskProblems("/proc/gantry").some((problem) => /0\.0 GiB free/.test(problem)));
});

test("programs are found as a shell finds them, in the system's folders too", async () => {
  await using folder = await testFolder();
  assert.ok(findProgram("sh", "/nowhere"));
  assert.equal(findProgram("no-such-program", programPath("")), undefined);
  chmodSync(folder.path, 0o755);
  assert.equal(programPath("/a:/usr/bin").split(":")[0], "/a");
});

test("versions of engines", () => {
  assert.equal(majorVersion("Docker version 28.5.2+dfsg4, build ecc6942"), 28);
  assert.equal(majorVersion("Docker version 20.10.24+dfsg1, build 297e128"), 20);
  assert.equal(majorVersion("something else"), 0);
});
