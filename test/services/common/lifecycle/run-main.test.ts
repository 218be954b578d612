import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createRealm, issueCertificate } from "../../../../services/common/realm/realm.ts";

const SERVICE = fileURLToPath(new URL("service.ts", import.meta.url));
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gantry-main-"));
  await issueCertificate(await createRealm(dir), { process: "compute", host: "h1" });
});
after(() => rm(dir, { recursive: true }));

type Line = Record<string, unknown>;

class Service {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly lines: Line[] = [];
  stderr = "";
  readonly exit: Promise<number | null>;
  #changed = Promise.withResolvers<void>();

  constructor(env: Record<string, string>) {
    this.child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SERVICE], {
      env: { PATH: process.env["PATH"] ?? "", GANTRY_DATA_DIR: dir, GANTRY_HOST_NAME: "h1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let rest = "";
    this.child.stdout.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) this.lines.push(JSON.parse(part) as Line);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
    this.child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exit = new Promise((resolve) =>
      this.child.on("close", (code) => {
        resolve(code);
        this.#changed.resolve();
      }),
    );
  }

  async line(msg: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => line["msg"] === msg);
      if (found) return found;
      if (this.child.exitCode !== null)
        assert.fail(`ended without "${msg}": ${JSON.stringify(this.lines)} ${this.stderr}`);
      await this.#changed.promise;
    }
  }
}

async function run(
  act: string,
  use: (service: Service) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const service = new Service({ GANTRY_TEST_ACT: act, ...env });
  const timer = setTimeout(() => service.child.kill("SIGKILL"), 20_000);
  try {
    await use(service);
  } finally {
    clearTimeout(timer);
    service.child.kill("SIGKILL");
    await service.exit;
  }
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal}: ready, then an orderly stop with code 0`, () =>
    run("serve", async (service) => {
      const ready = await service.line("ready");
      assert.match(String(ready["address"]), /^127\.0\.0\.1:\d+$/);
      assert.ok(Number(ready["ms"]) > 0 && Number(ready["ms"]) < 10_000);
      service.child.kill(signal);
      assert.equal(await service.exit, 0);
      assert.deepEqual(
        service.lines.slice(-2).map(({ msg }) => msg),
        ["stopping", "stopped"],
      );
    }));
}

test("a drain that hangs is cut off, with code 1", () =>
  run(
    "hang-drain",
    async (service) => {
      await service.line("ready");
      service.child.kill("SIGTERM");
      assert.equal(await service.exit, 1);
      assert.ok(service.lines.some(({ msg }) => msg === "drain took too long"));
    },
    { GANTRY_DRAIN_TIMEOUT: "100ms" },
  ));

test("a second signal ends it at once", () =>
  run("hang-drain", async (service) => {
    await service.line("ready");
    service.child.kill("SIGTERM");
    await service.line("stopping");
    const startMs = performance.now();
    service.child.kill("SIGTERM");
    assert.equal(await service.exit, 1);
    assert.ok(performance.now() - startMs < 2_000);
  }));

for (const [act, event] of [
  ["throw", "uncaught exception"],
  ["reject", "unhandled rejection"],
] as const) {
  test(`${event}: logged whole, code 1`, () =>
    run(act, async (service) => {
      assert.equal(await service.exit, 1);
      const line = service.lines.find(({ msg }) => msg === event);
      assert.equal(line?.["level"], "fatal");
      assert.match(JSON.stringify(line?.["err"]), /later.*service\.ts/);
    }));
}

test("a failure while running stops in order, code 1", () =>
  run("fail", async (service) => {
    assert.equal(await service.exit, 1);
    assert.deepEqual(
      service.lines.slice(-1).map(({ msg, exitCode }) => [msg, exitCode]),
      [["stopped", 1]],
    );
  }));

test("a start that fails says why, code 1", () =>
  run("refuse", async (service) => {
    assert.equal(await service.exit, 1);
    const line = service.lines.find(({ msg }) => msg === "compute could not start");
    assert.match(JSON.stringify(line), /cannot listen on 127.0.0.1:1/);
  }));

test("wrong settings: every problem on a line of its own, code 78", () =>
  run(
    "serve",
    async (service) => {
      assert.equal(await service.exit, 78);
      assert.deepEqual(service.stderr.trim().split("\n"), [
        'gantry compute: GANTRY_LOG_LEVEL is "loud" but must be one of trace, debug, info, warn, error, fatal, silent',
        'gantry compute: GANTRY_LISTEN is "x" but must be host:port or [ipv6]:port',
      ]);
    },
    { GANTRY_LISTEN: "x", GANTRY_LOG_LEVEL: "loud" },
  ));
