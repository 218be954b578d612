import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { EngineNetwork } from "../../deploy/local/engine/engine-config.ts";
import { runCommand } from "../../deploy/local/process/run-command.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { register, testFolder } from "../support/cleanup.ts";
import { freePorts } from "../support/ports.ts";
import { gantry, NpmStart } from "./support/checkout.ts";

/** The first start may have to make an image. */
const START_TIMEOUT_MS = 300_000;
const SIZE = "8g";
const KIB = 1024;
const COMMAND_TIMEOUT_MS = 10_000;

/** A file system whose end can be moved to where it is full; it takes memory only for what is in it. */
async function resize(path: string, size: string): Promise<void> {
  await runCommand("mount", ["-o", `remount,size=${size}`, path], { timeoutMs: COMMAND_TIMEOUT_MS });
}

async function usedKib(path: string): Promise<number> {
  const table = await runCommand("df", ["--output=used", "-k", path], { timeoutMs: COMMAND_TIMEOUT_MS });
  return Number(table.trim().split("\n").at(-1));
}

test("a disk that fills up is named, and all goes on when there is space again", { timeout: 600_000 }, async () => {
  await using things = new AsyncDisposableStack();
  const folder = things.use(await testFolder("full"));
  const [httpPort, grpcPort] = (await freePorts(2)) as [number, number];
  const dataDir = join(folder.path, "data");
  mkdirSync(dataDir);
  await runCommand("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", dataDir], { timeoutMs: COMMAND_TIMEOUT_MS });
  const env = { ...process.env, GANTRY_CONFIG: join(folder.path, "config.yaml"), NODE_TEST_CONTEXT: undefined };
  const ports = ["--http-port", String(httpPort), "--grpc-port", String(grpcPort)];
  const start = things.use(new NpmStart(["--data-dir", dataDir, "--host-name", "host-a", ...ports], env));
  await start.waitFor(/Ctrl-C stops Gantry/, START_TIMEOUT_MS);
  const networkFile = join(dataDir, "engine", "network.json");
  if (existsSync(networkFile)) {
    const network = JSON.parse(readFileSync(networkFile, "utf8")) as EngineNetwork;
    const registered = register({ kind: "engine", dir: join(dataDir, "engine"), network });
    things.defer(async () => {
      await start[Symbol.asyncDispose]();
      await registered.remove();
    });
  }
  await gantry(["add", "project", "before"], env);

  // Full from here on: what is in use is all there is.
  await resize(dataDir, `${(await usedKib(dataDir)) * KIB}`);
  const refused = await waitUntil(
    async () => {
      const error = await gantry(["add", "project", "full", "--timeout", "10s"], env).then(
        () => undefined,
        (reason: Error) => reason.message,
      );
      return error !== undefined && /disk/.test(error) ? error : undefined;
    },
    { what: "refusal that names the disk", timeoutMs: 60_000 },
  );
  assert.match(refused, /the disk that holds its data is full: free some space/);
  await start.waitFor(/redis (ended|did not start)[^\n]*: no space is left on the disk of/, 60_000);
  assert.doesNotMatch(start.output, /(compute|cluster|gateway) ended/);

  await resize(dataDir, SIZE);
  await waitUntil(
    async () => {
      await gantry(["add", "project", "after"], env);
      return true;
    },
    { what: "project after the disk has space again", timeoutMs: 90_000, intervalMs: 1_000 },
  );
  const projects = await gantry(["get", "projects"], env);
  for (const name of ["before", "after"]) assert.match(projects, new RegExp(name), "nothing is lost");
  assert.equal((await start.interrupt()).code, 0);
});
