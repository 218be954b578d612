// The gantry command on a real platform: what is asked for at the edge of what can be.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BUSYBOX, DIND } from "../images/images.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { expectAll, Gantry } from "./support/gantry.ts";

const IMAGE = ["--image", BUSYBOX, "--stop-timeout", "0s"];

let platform: Platform;
let gantry: Gantry;
before(async () => {
  platform = await startPlatform({ instanceImage: DIND });
  gantry = new Gantry(platform);
});
after(async () => {
  gantry?.stop();
  await platform?.stop();
});

test("an id of one letter", async () => {
  const file = join(platform.dataDir, "file");
  await writeFile(file, "content");
  await expectAll(gantry, [
    { args: ["add", "instance", "a", "-q", ...IMAGE, "--", "sleep", "1000"], stdout: "instance/a created\n" },
    { args: ["exec", "a", "--", "hostname"], stdout: "a\n" },
    { args: ["restart", "a", "-q"], stdout: "instance/a restarted\n" },
    {
      args: ["cp", file, "a:/etc/hostname/x"],
      code: 2,
      stderr: /\/etc\/hostname is not a folder\n$/,
    },
    // A step that has nothing to do is not shown.
    { args: ["label", "instance", "a", "x=y"], stdout: "instance/a labeled\n" },
    { args: ["delete", "instance", "a", "-q"], stdout: "instance/a deleted\n" },
  ]);
});

test("the output that was asked for: of an operation that is not waited for, of what is described", async () => {
  const add = ["add", "instance", "shown", "-q", ...IMAGE];
  const started = JSON.parse(await gantry.ok([...add, "--no-wait", "-o", "json", "--", "sleep", "1000"])) as {
    name: string;
    metadata: { target: string };
  };
  assert.match(started.name, /^projects\/default\/operations\/compute-/);
  assert.equal(started.metadata.target, "projects/default/instances/shown");
  await gantry.ok(["wait", started.name, "-q"]);
  const described = JSON.parse(await gantry.ok(["describe", "instance", "shown", "-o", "json"])) as {
    meta: { name: string };
  };
  assert.equal(described.meta.name, "projects/default/instances/shown");
  await expectAll(gantry, [
    {
      args: ["stop", "shown", "-q", "--no-wait", "-o", "name"],
      stdout: /^projects\/default\/operations\/compute-\S+\n$/,
    },
    { args: ["cancel", started.name], code: 0, stdout: /^operation\/compute-\S+ has ended already\n$/ },
  ]);
  await gantry.ok(["delete", "instance", "shown", "-q", "--wait"]);
});

test("a command that ends at once, with its last lines", async () => {
  const say = 'echo first; echo "no configuration"; exit 3';
  const add = ["add", "instance", "job", "-q", ...IMAGE, "--restart", "always", "--", "sh", "-c", say];
  // It may still run when it is looked at.
  for (let tries = 0; tries < 10; tries += 1) {
    const { code, stderr } = await gantry.run(add);
    if (code !== 0) {
      assert.match(stderr, /^instance\/job failed: the main process ends again and again: 3 restarts, .* code 3\n/);
      assert.match(stderr, /\nMore: gantry get operation projects\/default\/operations\/compute-\S+ -o yaml\n$/);
      assert.match(stderr, /\nIts last output:\n {2}first\n {2}no configuration\n/);
      return;
    }
    await gantry.ok(["delete", "instance", "job", "-q"]);
  }
  assert.fail("a crash loop was never seen at its beginning");
});

test("operations of all projects, to each those they may see", async () => {
  await gantry.ok(["add", "project", "team"]);
  await gantry.ok(["add", "instance", "b", "-p", "team", "-q", ...IMAGE, "--", "sleep", "1000"]);
  const token = await platform.mint({ subject: "eve", roles: { default: "viewer" } });
  const eve = { config: gantry.config("eve", { token }) };
  const team = /^projects\/team\/operations\//m;
  assert.match(await gantry.ok(["get", "operations", "-A", "-o", "name"]), team);
  assert.doesNotMatch(await gantry.ok(["get", "operations", "-A", "-o", "name"], eve), team);
  const nope = "error: projects/nope does not exist\n";
  await expectAll(gantry, [
    { args: ["get", "operations", "-p", "nope"], code: 3, stderr: nope },
    { args: ["get", "mirrors", "-p", "nope"], code: 3, stderr: nope },
    { args: ["delete", "instance", "b", "-p", "team", "-q"], stdout: "instance/b deleted\n" },
  ]);
});
