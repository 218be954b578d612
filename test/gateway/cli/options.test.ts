import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeContexts } from "../../../gateway/cli/config/contexts.ts";
import { testFolder } from "../../support/cleanup.ts";

const COMMAND = new URL("../../../gateway/cli/bin.js", import.meta.url).pathname;
const USAGE = 2;
const NO_ANSWER = 6;

let folder: Awaited<ReturnType<typeof testFolder>>;
before(async () => {
  folder = await testFolder("cli-options");
  // Nothing answers there: what gets so far was understood.
  const nowhere = {
    address: "127.0.0.1:1",
    gateway: "http://127.0.0.1:1",
    ca: "-----BEGIN CERTIFICATE-----",
    token: "t",
  };
  writeContexts(join(folder.path, "config.yaml"), { current: "a", contexts: { a: nowhere } });
});
after(() => folder.remove());

async function gantry(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, GANTRY_CONFIG: join(folder.path, "config.yaml") };
  const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const out = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, ...out };
}

test("--wait is an option of every command that has --no-wait", async () => {
  const commands = [
    ["add", "instance", "x"],
    ["add", "cluster", "x"],
    ["stop", "x"],
    ["resize", "x", "--cpus", "1"],
    ["delete", "instance", "x"],
    ["scale", "cluster", "x", "--workers", "1"],
    ["snapshot", "cluster", "x", "s"],
  ];
  const results = await Promise.all(commands.map((args) => gantry(...args, "--wait")));
  for (const [i, { code, stderr }] of results.entries())
    assert.equal(code, NO_ANSWER, `${commands[i]!.join(" ")}: ${stderr}`);
  assert.match((await gantry("add", "instance", "--help")).stdout, /--wait /);
});

test("-o is refused where a command has no such output, before anything is done", async () => {
  const refused: [args: string[], format: string][] = [
    [["config", "get-contexts"], "json"],
    [["config", "use-context", "other"], "name"],
    [["wait", "x", "--for", "delete"], "yaml"],
    [["cancel", "operations/x"], "json"],
    [["cordon", "h"], "name"],
    [["delete", "instance", "x"], "json"],
    [["instance", "docker-env", "x"], "json"],
    [["add", "token", "ann", "--realm-admin"], "json"],
    [["describe", "instance", "x"], "name"],
    [["watch"], "yaml"],
  ];
  const results = await Promise.all(refused.map(([args, format]) => gantry(...args, "-o", format)));
  for (const [i, { code, stderr, stdout }] of results.entries()) {
    const [args, format] = refused[i]!;
    assert.equal(code, USAGE, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, new RegExp(`-o ${format}`), args.join(" "));
    assert.equal(stdout, "");
  }
  assert.equal((await gantry("config", "get-contexts", "-o", "table")).code, 0, "what it is anyway");
  assert.equal((await gantry("describe", "instance", "x", "-o", "json")).code, NO_ANSWER);
});
