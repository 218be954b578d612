import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { engineCgroups } from "../../deploy/local/engine/cgroups.ts";
import type { EngineNetwork } from "../../deploy/local/engine/engine-config.ts";
import { processesWithArgument } from "../../deploy/local/process/processes.ts";
import { runCommand } from "../../deploy/local/process/run-command.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { inspectContainer } from "../../services/common/engine/api/containers.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { register, testFolder } from "../support/cleanup.ts";
import { startTicks } from "../support/leftovers.ts";
import { freePorts } from "../support/ports.ts";
import { gantry, NpmStart } from "./support/checkout.ts";

/** The first start may have to make an image. */
const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 30_000;
const RUNS = /Ctrl-C stops Gantry/;
/** The ports inside follow the one address at this distance, at most. */
const PORTS_ABOVE = 110;

async function scene(things: AsyncDisposableStack): Promise<{
  dataDir: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  grpcPort: number;
}> {
  const folder = things.use(await testFolder("start"));
  const [httpPort, grpcPort] = (await freePorts(2)) as [number, number];
  const dataDir = join(folder.path, "data");
  return {
    dataDir,
    grpcPort,
    args: [
      "--data-dir",
      dataDir,
      "--http-port",
      String(httpPort),
      "--grpc-port",
      String(grpcPort),
      "--host-name",
      "host-a",
    ],
    env: { ...process.env, GANTRY_CONFIG: join(folder.path, "config.yaml"), NODE_TEST_CONTEXT: undefined },
  };
}

test("one command from nothing to a live instance, which outlives it", { timeout: 900_000 }, async () => {
  await using things = new AsyncDisposableStack();
  const { dataDir, args, env } = await scene(things);

  const check = await new NpmStart([...args, "--check"], env).end();
  assert.equal(check.code, 0, check.output);
  assert.equal(existsSync(dataDir), false, "--check leaves no data folder");

  const first = things.use(new NpmStart(args, env));
  await first.waitFor(RUNS, START_TIMEOUT_MS);
  assert.match(first.output, /Gateway http:/);
  const networkFile = join(dataDir, "engine", "network.json");
  const isPrivate = existsSync(networkFile);
  let bridge = "";
  if (isPrivate) {
    const network = JSON.parse(readFileSync(networkFile, "utf8")) as EngineNetwork;
    bridge = network.bridge;
    const registered = register({ kind: "engine", dir: join(dataDir, "engine"), network });
    things.defer(async () => {
      await first[Symbol.asyncDispose]();
      await registered.remove();
    });
  }
  const engine = new Engine({
    socketPath: isPrivate ? join(dataDir, "engine", "docker.sock") : "/var/run/docker.sock",
  });
  for (const secret of ["tls/ca.key", "tls/gateway.key", "token/private.jwk"]) {
    assert.equal(statSync(join(dataDir, secret)).mode & 0o077, 0, `${secret} is readable by its owner alone`);
  }
  assert.equal(statSync(env["GANTRY_CONFIG"]!).mode & 0o077, 0);

  const second = await new NpmStart(args, env).end();
  assert.notEqual(second.code, 0);
  assert.match(second.output, /already runs .* process id \d+/);

  try {
    await gantry(["add", "instance", "web", "--quiet"], env);
    const before = await inspectContainer(engine, "web");
    assert.equal(before.State.Running, true);
    assert.match(await gantry(["exec", "web", "--", "docker", "version"], env), /Server:/);

    const serviceOf = (): number[] =>
      processesWithArgument(computeMain).filter((pid) => environmentOf(pid).includes(`GANTRY_DATA_DIR=${dataDir}`));
    const [killed] = serviceOf();
    process.kill(killed!, "SIGKILL");
    await first.waitFor(/compute ended \(signal SIGKILL\)[\s\S]*✔ compute/, 30_000);
    assert.match(await gantry(["get", "instance", "web", "-o", "json"], env), /"state": "INSTANCE_STATE_RUNNING"/);

    const { code, output } = await first.interrupt();
    assert.equal(code, 0, output);
    assert.match(output, /stopping gateway\nstopping cluster\nstopping compute\nstopping redis/);
    assert.deepEqual(serviceOf(), []);
    assert.notEqual(startTicks(before.State.Pid), undefined, "the instance runs on");
    if (isPrivate) assert.equal(await hasTable(bridge), true, "what it needs stays");

    const third = things.use(new NpmStart(args, env));
    await third.waitFor(RUNS, START_TIMEOUT_MS);
    const after = await inspectContainer(engine, "web");
    assert.deepEqual([after.Id, after.State.Pid], [before.Id, before.State.Pid]);
    assert.match(await gantry(["get", "instance", "web", "-o", "json"], env), /"state": "INSTANCE_STATE_RUNNING"/);

    const owner = Number(readFileSync(join(dataDir, "run.lock"), "utf8"));
    process.kill(owner, "SIGKILL");
    await third.end();
    const fourth = things.use(new NpmStart(args, env));
    await fourth.waitFor(RUNS, START_TIMEOUT_MS);
    assert.equal(serviceOf().length, 1, "what the killed one left has ended");
    await gantry(["delete", "instance", "web", "--quiet"], env);
    await assert.rejects(inspectContainer(engine, "web"), /No such container/i);
    assert.equal((await fourth.interrupt()).code, 0);
    if (isPrivate) {
      assert.match(fourth.output, new RegExp(`removing bridge, nftables table and control groups of ${bridge}`));
      assert.equal(await hasTable(bridge), false);
      const { range } = JSON.parse(readFileSync(networkFile, "utf8")) as EngineNetwork;
      const prefix = range.split(".").slice(0, 2).join(".");
      const links = await runCommand("ip", ["-brief", "addr", "show"], { timeoutMs: 10_000 });
      assert.ok(!links.includes(` ${prefix}.`), links);
      assert.equal(existsSync(`/sys/class/net/${bridge}`), false);
      assert.deepEqual(await engineCgroups(JSON.parse(readFileSync(networkFile, "utf8")) as EngineNetwork), []);
      await waitUntil(async () => (existsSync(join(dataDir, "engine", "docker.pid")) ? undefined : true), {
        what: "end of the private engine",
        timeoutMs: 10_000,
      });
    }
  } finally {
    engine.close();
  }
});

async function hasTable(name: string): Promise<boolean> {
  const tables = await runCommand("nft", ["list", "tables"], { timeoutMs: 10_000 });
  return tables.split("\n").includes(`table ip ${name}`);
}

const computeMain = join(import.meta.dirname, "..", "..", "services/compute/main.ts");

function environmentOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
}

test("a signal to npm alone, or to what it runs, stops everything in order", { timeout: 600_000 }, async () => {
  await using things = new AsyncDisposableStack();
  const { dataDir, args, env } = await scene(things);
  const signals: Record<string, (npm: NpmStart) => boolean> = {
    "SIGTERM to npm": ({ child }) => child.kill("SIGTERM"),
    "SIGINT to npm": ({ child }) => child.kill("SIGINT"),
    "SIGINT to what npm runs": ({ runs }) => runs.every((pid) => process.kill(pid, "SIGINT")),
    "SIGTERM to what npm runs": ({ runs }) => runs.every((pid) => process.kill(pid, "SIGTERM")),
  };
  for (const [what, send] of Object.entries(signals)) {
    const start = things.use(new NpmStart(args, env));
    await start.waitFor(RUNS, START_TIMEOUT_MS);
    send(start);
    await waitUntil(async () => (start.child.exitCode === null ? undefined : true), {
      what: `end of npm start after ${what}`,
      timeoutMs: STOP_TIMEOUT_MS,
    });
    assert.match(start.output, /stopping gateway\nstopping cluster\nstopping compute\nstopping redis/, what);
    assert.equal(start.child.exitCode, 0, what);
    assert.equal(existsSync(join(dataDir, "engine", "docker.pid")), false, what);
  }
});

test("what is in the way is said at once, a line each, and nothing is begun", { timeout: 60_000 }, async () => {
  await using things = new AsyncDisposableStack();
  const { dataDir, args, env, grpcPort } = await scene(things);
  const busy = [grpcPort, grpcPort + PORTS_ABOVE].map((port) => createServer().listen(port, "127.0.0.1"));
  try {
    const { code, output } = await new NpmStart(args, { ...env, GANTRY_ENGINE_SOCKET: "/nowhere.sock" }).end();
    assert.equal(code, 1);
    assert.match(output, new RegExp(`✖ port ${grpcPort} on 127.0.0.1 is in use`));
    assert.match(output, new RegExp(`✖ port ${grpcPort + PORTS_ABOVE} on 127.0.0.1 is in use`));
    assert.match(output, /✖ the engine at GANTRY_ENGINE_SOCKET=\/nowhere\.sock does not answer/);
    assert.equal(existsSync(dataDir), false);
  } finally {
    for (const server of busy) server.close();
  }
});

test("a wrong option is refused with what is right", { timeout: 60_000 }, async () => {
  const { code, output } = await new NpmStart(["--http-port", "banana"], process.env).end();
  assert.equal(code, 2);
  assert.match(output, /--http-port is "banana" but must be a port/);
});
