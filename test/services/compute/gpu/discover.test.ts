import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { createContainer, startContainer, waitContainer } from "../../../../services/common/engine/api/containers.ts";
import { readLogs } from "../../../../services/common/engine/api/logs.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { readCdiFolders } from "../../../../services/compute/gpu/cdi-folders.ts";
import { deviceRequests } from "../../../../services/compute/gpu/device-requests.ts";
import { discoverGpus } from "../../../../services/compute/gpu/discover.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { testFolder } from "../../../support/cleanup.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { removeAll, testName, TEST_LABELS, until } from "../../common/engine/support.ts";

const TIMEOUT_MS = 30_000;

describe("GPU devices of a made-up vendor", () => {
  // Of this run alone: other runs may have specs of their own in the same folder.
  const vendor = `example${randomBytes(4).toString("hex")}.com`;
  const path = `/etc/cdi/gantry-test-${vendor}.yaml`;
  const broken = `/etc/cdi/gantry-test-${vendor}-broken.yaml`;
  let engine: Engine;

  before(async () => {
    engine = new Engine({ socketPath: (await sharedEngine()).socketPath });
    await mkdir("/etc/cdi", { recursive: true });
    const device = (name: string): string => `
  - name: "${name}"
    containerEdits:
      env: ["EXAMPLE_GPU_${name}=yes"]
      deviceNodes: [{ path: /dev/example${name}, hostPath: /dev/null, type: c, major: 1, minor: 3 }]`;
    await writeFile(path, `cdiVersion: "0.6.0"\nkind: ${vendor}/gpu\ndevices:${device("0")}${device("1")}\n`);
    await writeFile(broken, "cdiVersion: 0.6.0\nkind: nothing\n");
  });
  after(async () => {
    await rm(path, { force: true });
    await rm(broken, { force: true });
    await removeAll(engine);
    engine.close();
  });

  test("are found through the engine, and a faulty spec is told", async () => {
    await until(
      async () =>
        (await discoverGpus(engine, AbortSignal.timeout(TIMEOUT_MS))).devices.some(
          ({ kind }) => kind === `${vendor}/gpu`,
        ),
      {
        what: "the engine to see the new spec",
        timeoutMs: TIMEOUT_MS,
      },
    );
    const { devices, problems } = await discoverGpus(engine, AbortSignal.timeout(TIMEOUT_MS));
    assert.deepEqual(
      devices.filter(({ kind }) => kind === `${vendor}/gpu`).map(({ id, driver }) => [id, driver]),
      [
        [`${vendor}/gpu=0`, "cdi"],
        [`${vendor}/gpu=1`, "cdi"],
      ],
    );
    assert.ok(
      problems.some((problem) => problem.startsWith(broken) && /vendor\/class/.test(problem)),
      problems.join("\n"),
    );
  });

  test("a container that asks for one has its device node and environment, and not the other's", async () => {
    const { devices } = await discoverGpus(engine, AbortSignal.timeout(TIMEOUT_MS));
    const { Id } = await createContainer(engine, testName(), {
      Image: BUSYBOX,
      Cmd: ["sh", "-c", "env | grep EXAMPLE_GPU; ls -l /dev/example0; echo x > /dev/example0 && ls /dev/example1"],
      Labels: TEST_LABELS,
      HostConfig: { DeviceRequests: deviceRequests([`${vendor}/gpu=0`], devices) },
    });
    await startContainer(engine, Id);
    await waitContainer(engine, Id, { timeoutMs: TIMEOUT_MS });
    let output = "";
    const options = { follow: false, tail: 0, tty: false, signal: AbortSignal.timeout(TIMEOUT_MS) };
    for await (const batch of readLogs(engine, Id, options))
      output += batch.map(({ line }) => `${line.toString()}\n`).join("");
    assert.match(output, /^EXAMPLE_GPU_0=yes$/m);
    assert.match(output, /^crw.* 1,\s+3 .*\/dev\/example0$/m);
    assert.match(output, /\/dev\/example1: No such file/);
  });

  test("a device the engine does not know is refused by it", async () => {
    const body = {
      Image: BUSYBOX,
      Cmd: ["true"],
      Labels: TEST_LABELS,
      HostConfig: { DeviceRequests: [{ Driver: "cdi", DeviceIDs: [`${vendor}/gpu=99`] }] },
    };
    const { Id } = await createContainer(engine, testName(), body);
    await assert.rejects(startContainer(engine, Id), /99/);
  });
});

test("folders: every fault is told, what is good is read", async () => {
  await using folder = await testFolder("cdi");
  const spec = (kind: string): string =>
    `cdiVersion: "0.6.0"\nkind: ${kind}\ndevices: [{ name: a, containerEdits: {} }]\n`;
  await writeFile(`${folder.path}/a.yaml`, spec("a.com/gpu"));
  await writeFile(
    `${folder.path}/b.json`,
    JSON.stringify({ cdiVersion: "0.6.0", kind: "b.com/gpu", devices: [{ name: "x", containerEdits: {} }] }),
  );
  await writeFile(`${folder.path}/c.yaml`, "kind: [");
  await writeFile(`${folder.path}/ignored.txt`, "nothing");
  const { ids, problems } = await readCdiFolders([folder.path, `${folder.path}/none`]);
  assert.deepEqual(ids, ["a.com/gpu=a", "b.com/gpu=x"]);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /c\.yaml/);
});
