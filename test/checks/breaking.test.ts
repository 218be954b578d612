import assert from "node:assert/strict";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runCommand } from "../../deploy/local/process/run-command.ts";
import { testFolder } from "../support/cleanup.ts";
import { checkBreaking } from "./breaking.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const PROTO = "proto/gantry/common/v1/meta.proto";
const IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@example.com"];

/** A checkout of these protos alone: one commit on main. */
async function checkout(t: TestContext): Promise<{ root: string; git(...args: string[]): Promise<string> }> {
  const folder = await testFolder("breaking");
  t.after(() => folder.remove());
  const root = folder.path;
  await mkdir(join(root, "proto"));
  for (const part of ["buf.yaml", "gantry", "vendor"])
    await cp(join(ROOT, "proto", part), join(root, "proto", part), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(root, "node_modules"));
  await writeFile(join(root, ".gitignore"), "node_modules\nproto/vendor\n");
  const git = (...args: string[]): Promise<string> =>
    runCommand("git", ["-C", root, ...IDENTITY, ...args], { timeoutMs: 30_000 });
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", ".");
  await git("commit", "--quiet", "-m", "protos");
  return { root, git };
}

/** The number of a field: what a client that was built before can no longer read. */
async function breakIt(root: string): Promise<void> {
  const path = join(root, PROTO);
  const text = await readFile(path, "utf8");
  const broken = text.replace("string operation = 12;", "string operation = 900;");
  assert.notEqual(broken, text);
  await writeFile(path, broken);
}

test("an incompatible change is found whether it is committed on main or not", async (t) => {
  const { root, git } = await checkout(t);
  assert.match(String(await checkBreaking(root)), /first commit/);
  await writeFile(join(root, "README.md"), "more\n");
  await git("add", ".");
  await git("commit", "--quiet", "-m", "more");
  assert.match(String(await checkBreaking(root)), /^compared with /);
  await breakIt(root);
  await assert.rejects(checkBreaking(root), /operation/);
  await git("commit", "--quiet", "-am", "break it");
  await assert.rejects(checkBreaking(root), /operation/, "main is not compared with itself");
});

test("a branch is compared with main, main with what is published of it", async (t) => {
  const { root, git } = await checkout(t);
  await git("switch", "--quiet", "-c", "change");
  await breakIt(root);
  await git("commit", "--quiet", "-am", "break it");
  await git("commit", "--quiet", "--allow-empty", "-m", "and go on");
  await assert.rejects(checkBreaking(root), /operation/);
  await git("update-ref", "refs/remotes/origin/main", "main");
  await git("branch", "--force", "main", "change");
  await git("switch", "--quiet", "main");
  await assert.rejects(checkBreaking(root), /operation/);
});

test("where nothing can be compared the check fails, and says what it needs", async (t) => {
  const { root, git } = await checkout(t);
  await git("branch", "--move", "main", "other");
  await assert.rejects(checkBreaking(root), /git fetch origin main/);
  const bare = await testFolder("no-checkout");
  t.after(() => bare.remove());
  await assert.rejects(checkBreaking(bare.path), /no git checkout/);
});
