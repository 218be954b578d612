// The gantry command on a real platform: what goes on and on, and what copies.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BUSYBOX, DIND } from "../images/images.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { expectAll, Gantry, lines } from "./support/gantry.ts";

const FILE_BYTES = 50 * 1024 * 1024;
const CONTROL_D = "\u0004";

let platform: Platform;
let gantry: Gantry;
let folder: string;
before(async () => {
  platform = await startPlatform({ instanceImage: DIND });
  gantry = new Gantry(platform);
  folder = join(platform.dataDir, "files");
  await mkdir(folder);
  const talk = "trap 'exit 0' TERM; i=0; echo oops >&2; while :; do echo line $i; i=$((i+1)); sleep 0.2; done";
  await gantry.ok(["add", "instance", "web", "--image", BUSYBOX, "--", "sh", "-c", talk]);
});
after(async () => {
  gantry?.stop();
  await platform?.stop();
});

test("exec: output, input, exit codes; it ends whatever its input is", async () => {
  const exec = (...args: string[]) => ["exec", "web", "--", ...args];
  await expectAll(gantry, [
    { args: exec("sh", "-c", "echo out; echo err >&2; exit 7"), code: 7, stdout: "out\n", stderr: "err\n" },
    { args: exec("sh", "-c", "kill -9 $$"), code: 137 },
    { args: exec("nosuch"), code: 127, stderr: /^error: the command could not be started: .*not found/ },
    { args: exec("/etc"), code: 126, stderr: /^error: the command could not be started: .*permission denied/ },
    {
      args: [
        "exec",
        "-u",
        "10:20",
        "-w",
        "/tmp",
        "-e",
        "X=a=b",
        "web",
        "--",
        "sh",
        "-c",
        'id -u; id -g; pwd; echo "$X"',
      ],
      stdout: lines("10", "20", "/tmp", "a=b"),
    },
    { args: ["exec", "-i", "web", "--", "cat"], options: { stdin: "hello\n" }, stdout: "hello\n" },
    { args: ["exec", "-i", "web", "--", "wc", "-c"], options: { stdin: Buffer.alloc(3_000_000) }, stdout: "3000000\n" },
    { args: ["exec", "-i", "web", "--", "true"], options: { stdin: Buffer.alloc(3_000_000) } },
    { args: exec("cat"), options: { stdin: "not passed on" } },
    {
      args: ["exec", "web", "ls"],
      code: 2,
      stderr: "error: name the command behind --, as in: gantry exec web -- ls /\n",
    },
    { args: ["exec", "web", "-e", "X", "--", "ls"], code: 2, stderr: "error: --env X: write NAME=value\n" },
    { args: ["exec", "-t", "web", "--", "ls"], code: 2, stderr: "error: --tty needs a terminal as standard input\n" },
    { args: ["exec", "nope", "--", "ls"], code: 3, stderr: "error: projects/default/instances/nope does not exist\n" },
  ]);
  // Input that stays open keeps nothing waiting.
  const open = gantry.start(["exec", "-i", "web", "--", "echo", "done"]);
  assert.deepEqual(await open.ended(), { stdout: "done\n", stderr: "", code: 0 });
  const long = gantry.start(["exec", "web", "--", "sh", "-c", "echo begun; sleep 1000"]);
  await long.sees(/begun/);
  assert.equal((await long.interrupt()).code, 130);
});

test("exec with a terminal: input echoed, size known, Ctrl-D ends it", async () => {
  const shell = gantry.onTerminal(["exec", "-it", "web", "--", "sh"]);
  await shell.sees(/[#$] /);
  shell.child.stdin?.write("stty size; tty\n");
  await shell.sees(/\d+ \d+\r+\n\/dev\/pts\/\d+\r+\n/);
  shell.child.stdin?.write("exit 5\n");
  assert.equal((await shell.ended()).code, 5);
  const cat = gantry.onTerminal(["exec", "-it", "web", "--", "cat"]);
  // The terminal echoes only once the command is there to read.
  cat.child.stdin?.write("abc\n");
  await cat.sees(/abc\r+\nabc\r+\n/);
  cat.child.stdin?.write(CONTROL_D);
  assert.equal((await cat.ended()).code, 0);
});

test("logs: the end, since, following", async () => {
  const tail = await gantry.run(["logs", "web", "--tail", "2"]);
  assert.equal(tail.code, 0);
  assert.match(tail.stdout, /^line (\d+)\nline \d+\n$/);
  const all = await gantry.run(["logs", "web"]);
  assert.equal(all.stderr, "oops\n", "standard error stays standard error");
  assert.match(all.stdout, /^line 0\nline 1\n/);
  const recent = (await gantry.ok(["logs", "web", "--since", "1s", "--timestamps"])).trim().split("\n");
  assert.ok(recent.length >= 1 && recent.length <= 12, `${recent.length} lines of the last second`);
  for (const line of recent) assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z line \d+$/);
  const following = gantry.start(["logs", "-f", "web", "--tail", "1"]);
  await following.sees(/(line \d+\n){4}/);
  assert.equal((await following.interrupt()).code, 130);
  const [first, ...rest] = [...following.stdout.matchAll(/line (\d+)/g)].map((match) => Number(match[1]));
  assert.deepEqual(
    rest,
    rest.map((_, index) => (first ?? 0) + 1 + index),
    "none missed, none twice",
  );
  await expectAll(gantry, [
    { args: ["logs", "web", "--tail", "x"], code: 2, stderr: "error: --tail x: not a number of lines\n" },
    {
      args: ["logs", "web", "--since", "noon"],
      code: 2,
      stderr: 'error: --since "noon" is not a duration: write 90s, 5m or 1h30m\n',
    },
    { args: ["logs", "nope"], code: 3, stderr: "error: projects/default/instances/nope does not exist\n" },
  ]);
});

test("stats: one sample, many, JSON", async () => {
  assert.match(
    await gantry.ok(["stats", "web", "--once"]),
    /^INSTANCE +CPU +MEMORY +PIDS +NET IN\/OUT +BLOCK IN\/OUT\nweb +\d+m? +[\d.]+[KM]i\/- +\d/,
  );
  const json = JSON.parse(await gantry.ok(["top", "web", "--once", "-o", "json"])) as { instance: string };
  assert.equal(json.instance, "projects/default/instances/web");
  const following = gantry.start(["stats", "web", "--interval", "1s"]);
  await following.sees(/(\nweb [^\n]+){2}/);
  assert.equal((await following.interrupt()).code, 130);
  assert.equal(following.stdout.split("INSTANCE").length, 2, "one header");
});

test("cp: files and folders both ways, into folders and to new names", async () => {
  const big = randomBytes(FILE_BYTES);
  await writeFile(join(folder, "big"), big);
  await mkdir(join(folder, "tree/sub"), { recursive: true });
  await writeFile(join(folder, "tree/sub/f"), "deep\n");
  await symlink("sub/f", join(folder, "tree/link"));
  await mkdir(join(folder, "back"));
  const here = { cwd: folder };
  await expectAll(gantry, [
    { args: ["cp", "big", "web:/tmp"], options: here, stderr: "50Mi copied to web:/tmp\n" },
    {
      args: ["exec", "web", "--", "md5sum", "/tmp/big"],
      stdout: `${createHash("md5").update(big).digest("hex")}  /tmp/big\n`,
    },
    { args: ["cp", "web:/tmp/big", "again"], options: here, stderr: "50Mi copied from web:/tmp/big\n" },
    { args: ["cp", "tree", "web:/tmp"], options: here, stderr: /copied to web:\/tmp\n$/ },
    { args: ["cp", "./tree/", "web:/tmp/new"], options: here, stderr: /copied to web:\/tmp\/new\n$/ },
    {
      args: ["exec", "web", "--", "sh", "-c", "cd /tmp && cat tree/link new/sub/f && readlink new/link"],
      stdout: lines("deep", "deep", "sub/f"),
    },
    { args: ["cp", "web:/tmp/tree", "back"], options: here, stderr: /copied from/ },
    { args: ["cp", "instance/web:/tmp/tree", "renamed"], options: here, stderr: /copied from/ },
    {
      args: ["cp", "web:/nope", "back"],
      options: here,
      code: 3,
      stderr: "error: /nope does not exist in the instance\n",
    },
    {
      args: ["cp", "tree", "web:/nope/x"],
      options: here,
      code: 3,
      stderr: "error: /nope does not exist in the instance\n",
    },
    {
      args: ["cp", "web:/tmp/tree", "no/where"],
      options: here,
      code: 2,
      stderr: /no is not a folder here: make it first\n$/,
    },
    {
      args: ["cp", "web:/etc/hostname", "/dev/null"],
      code: 2,
      stderr: "error: /dev/null is neither a file nor a folder\n",
    },
    { args: ["cp", "missing", "web:/tmp"], options: here, code: 2, stderr: /^error: missing cannot be read: ENOENT/ },
    { args: ["cp", "tree", "back"], options: here, code: 2, stderr: /^error: one of the two must be instance:\/path/ },
    {
      args: ["cp", "big", "nope:/tmp"],
      options: here,
      code: 3,
      stderr: "error: projects/default/instances/nope does not exist\n",
    },
  ]);
  assert.ok((await readFile(join(folder, "again"))).equals(big));
  for (const copy of ["back/tree", "renamed"]) {
    assert.equal(await readFile(join(folder, copy, "sub/f"), "utf8"), "deep\n");
    assert.equal(await readlink(join(folder, copy, "link")), "sub/f");
  }
});

test("watch: what is there, then changes; observed kinds; JSON", async () => {
  const watching = gantry.start(["watch", "instances"]);
  await watching.sees(/^-- compute LIVE\n\+ Instance projects\/default\/instances\/web RUNNING\n-- synced\n/);
  await gantry.ok(["label", "instance", "web", "seen=yes"]);
  await watching.sees(/-- synced\n\+ Instance projects\/default\/instances\/web RUNNING\n/);
  assert.equal((await watching.interrupt()).code, 130);
  const containers = gantry.start(["watch", "containers", "-o", "json"]);
  await containers.sees(/"name":"docker\/host-a\/Container\/web"[^\n]*"state":"running"/);
  await containers.interrupt();
  for (const line of containers.stdout.trim().split("\n")) JSON.parse(line);
  await expectAll(gantry, [
    { args: ["watch", "things"], code: 2, stderr: /^error: no kind is called "things"\nKinds: Instance, Host, / },
    {
      args: ["watch", "-o", "yaml"],
      code: 2,
      stderr: "error: -o yaml is not for gantry watch: it can be json\n",
    },
  ]);
});

test("mirror: each kind of name, once, as frames, and on through a gateway that dies", async () => {
  await gantry.ok(["add", "mirror", "mine", "--select", "kind=Instance"]);
  const whole = /^-- whole at \d+, digest [0-9a-f]{16}$/m;
  for (const name of ["default", "realm", "operations", "hosts/host-a", "mirrors/mine", "projects/default"]) {
    assert.match(await gantry.ok(["mirror", name, "--once"]), whole, name);
  }
  assert.match(
    await gantry.ok(["mirror", "mirrors/mine", "--once"]),
    /^= projects\/default\/instances\/web RUNNING\n-- /,
  );
  const frames = (await gantry.ok(["mirror", "--once", "--frames"])).trim().split("\n");
  const kinds = frames.map((line) => (JSON.parse(line) as { t: string }).t);
  assert.equal(kinds[0], "snapshot");
  assert.equal(kinds.at(-1), "synced");
  await expectAll(gantry, [
    { args: ["mirror", "nope"], code: 3, stderr: "error: mirror projects/nope does not exist\n" },
    {
      args: ["mirror", "mirrors/nope", "--once"],
      code: 3,
      stderr: "error: mirror projects/default/mirrors/nope does not exist\n",
    },
  ]);
  const following = gantry.start(["mirror"]);
  await following.sees(whole);
  await platform.kill("gateway");
  await following.sees(/^connection lost \(.*\): trying again in [\d.]+ s$/m);
  await platform.start("gateway");
  // Anew or resumed: either way whole again, and then live.
  await following.sees(/(-- whole [^]*){2}|-- resumed/);
  await gantry.ok(["label", "instance", "web", "after=kill"]);
  await following.sees(/^~ projects\/default\/instances\/web .*"after":"kill"/m);
  const { code, stderr } = await following.interrupt();
  assert.equal(code, 130);
  assert.match(stderr, /^(connection lost [^\n]+\n)+$/, "nothing else was said");
});

test("wait goes on through a gateway that dies", async () => {
  const waiting = gantry.start(["wait", "web", "--for", "state=STOPPED", "--timeout", "1m"]);
  await waiting.sees(/^projects\/default\/instances\/web is RUNNING: waiting for state=STOPPED$/m);
  await platform.kill("gateway");
  await platform.start("gateway");
  await gantry.ok(["stop", "web", "-q"]);
  const { code, stdout } = await waiting.ended();
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "instance/web has state=STOPPED\n" });
  await gantry.ok(["start", "web", "-q"]);
});

test("output that nobody reads, and that cannot be written", async () => {
  const { code, stdout, stderr } = await gantry.run(["exec", "web", "--", "sh", "-c", "echo a"]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "a\n", stderr: "" });
  const reading = gantry.start(["logs", "-f", "web"]);
  await reading.sees(/line/);
  reading.child.stdout?.destroy();
  assert.equal((await reading.ended()).code, 0, "as gantry logs | head");
});
