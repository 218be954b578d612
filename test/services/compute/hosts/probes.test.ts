import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { pino } from "pino";
import { listContainers } from "../../../../services/common/engine/api/containers.ts";
import { listImages } from "../../../../services/common/engine/api/images.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { LimitsView } from "../../../../services/compute/hosts/limits-view.ts";
import { readProbeCache, writeProbeCache } from "../../../../services/compute/hosts/probes/probe-cache.ts";
import type { Probe } from "../../../../services/compute/hosts/probes/probe.ts";
import { PROBES, runProbes } from "../../../../services/compute/hosts/probes/run-probes.ts";
import { testFolder, type TestFolder } from "../../../support/cleanup.ts";
import { startEngine, type TestEngine } from "../../../support/engine.ts";

const log = pino({ level: "silent" });
const run = promisify(execFile);

/** Whether a command in a network namespace of its own goes well: the test's own way to find out. */
async function works(...command: string[]): Promise<boolean> {
  return run("unshare", ["--net", "--", ...command], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

describe("host probes", () => {
  let daemon: TestEngine;
  let engine: Engine;
  let folder: TestFolder;

  before(async () => {
    daemon = await startEngine();
    engine = new Engine({ socketPath: daemon.socketPath });
    folder = await testFolder("probes");
  });
  after(async () => {
    engine.close();
    await daemon.stop();
    await folder.remove();
  });

  const round = (probes: readonly Probe[] = PROBES) =>
    runProbes({
      engine,
      limitsView: new LimitsView(join(folder.path, "no-lxcfs")),
      dataDir: folder.path,
      log,
      signal: AbortSignal.timeout(60_000),
      probes,
    });

  test("say what this kernel can do, with what was tried", async () => {
    const { capabilities, conclusive } = await round();
    assert.ok(conclusive);
    assert.deepEqual(Object.keys(capabilities).toSorted(), PROBES.map(({ name }) => name).toSorted());
    const available = (name: string): boolean => capabilities[name]!.available;
    assert.equal(available("privileged"), true, capabilities["privileged"]!.detail);
    assert.equal(available("nftables"), await works("nft", "add", "table", "inet", "t"));
    assert.equal(
      available("vxlan"),
      await works("ip", "link", "add", "v0", "type", "vxlan", "id", "7", "dstport", "4789", "local", "127.0.0.1"),
    );
    assert.equal(available("wireguard"), await works("ip", "link", "add", "w0", "type", "wireguard"));
    assert.equal(available("ipvs"), await works("cat", "/proc/net/ip_vs"));
    for (const { available: is, detail } of Object.values(capabilities)) {
      assert.equal(typeof is, "boolean");
      assert.ok(detail.length > 0 && Buffer.byteLength(detail) <= 256, detail);
    }
  });

  test("leave nothing behind: no container, image, file, mount or loop device", async () => {
    await round();
    assert.deepEqual(await listContainers(engine), []);
    assert.ok(
      (await listImages(engine)).every(({ RepoTags }) =>
        (RepoTags ?? []).every((tag) => !tag.startsWith("gantry.dev/")),
      ),
    );
    assert.deepEqual(await readdir(folder.path), []);
    const { stdout } = await run("losetup", ["--list", "--noheadings", "--output", "BACK-FILE"]);
    assert.ok(!stdout.includes(folder.path), stdout);
  });

  test("a probe that hangs costs its time only, and its result is not kept as the truth", async () => {
    const hanging: Probe = {
      name: "hanging",
      timeoutMs: 200,
      try: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("time is up")))),
    };
    const fine: Probe = { name: "fine", timeoutMs: 1_000, try: async () => "nothing to try" };
    const { capabilities, conclusive } = await round([hanging, fine]);
    assert.equal(conclusive, false);
    assert.deepEqual(capabilities, {
      hanging: { available: false, detail: "time is up" },
      fine: { available: true, detail: "nothing to try" },
    });
  });

  test("a long detail is cut to its limit", async () => {
    const wordy: Probe = { name: "wordy", timeoutMs: 1_000, try: async () => "ü".repeat(1_000) };
    const { detail } = (await round([wordy])).capabilities["wordy"]!;
    assert.ok(Buffer.byteLength(detail) <= 256);
    assert.match(detail, /^ü+$/);
  });
});

test("kept results hold for one boot and one engine, and a damaged file for none", async () => {
  await using folder = await testFolder("probe-cache");
  const path = join(folder.path, "cache.json");
  const key = { bootId: "b", engineId: "e", engineVersion: "1" };
  const capabilities = { overlay: { available: true, detail: "tried" } };
  assert.equal(await readProbeCache(path, key), undefined);
  await writeProbeCache(path, key, capabilities);
  assert.deepEqual(await readProbeCache(path, key), capabilities);
  for (const other of [{ bootId: "c" }, { engineId: "f" }, { engineVersion: "2" }]) {
    assert.equal(await readProbeCache(path, { ...key, ...other }), undefined);
  }
  await writeFile(path, "{");
  assert.equal(await readProbeCache(path, key), undefined);
});
