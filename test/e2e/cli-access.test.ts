// The gantry command on a real platform: who may do what, where the realm is looked for, a Docker client, completion.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { kindWords } from "../../gateway/cli/resources.ts";
import { createRealm } from "../../services/common/realm/realm.ts";
import { BUSYBOX, DIND } from "../images/images.ts";
import { testFolder } from "../support/cleanup.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { freePorts } from "../support/ports.ts";
import { type Case, expectAll, Gantry, lines } from "./support/gantry.ts";

const run = promisify(execFile);
const TOOL_TIMEOUT_MS = 60_000;

let platform: Platform;
let gantry: Gantry;
before(async () => {
  platform = await startPlatform({ images: [BUSYBOX, DIND] });
  gantry = new Gantry(platform);
  await gantry.ok(["add", "project", "team"]);
  await gantry.ok(["add", "instance", "web", "--image", BUSYBOX, "--stop-timeout", "0s", "--", "sleep", "1000"]);
});
after(async () => {
  gantry?.stop();
  await platform?.stop();
});

/** A configuration made by `gantry add token --config`. */
async function configFor(subject: string, ...options: string[]): Promise<string> {
  const path = join(platform.dataDir, `${subject}.yaml`);
  const args = ["add", "token", subject, ...options, "--data-dir", platform.dataDir, "--config"];
  await writeFile(path, await gantry.ok(args), { mode: 0o600 });
  return path;
}

test("a viewer sees and changes nothing; another project is closed", async () => {
  const alice = { config: await configFor("alice", "--role", "default=viewer") };
  const eve = { config: await configFor("eve", "--role", "team=editor") };
  const refusal = (role: string, who = "alice") =>
    new RegExp(`${who} needs the role ${role}\nAnother project \\(-p\\) or another token`);
  const denied = (args: string[], role: string): Case => ({ args, code: 5, stderr: refusal(role), options: alice });
  await expectAll(gantry, [
    { args: ["get", "instances", "-o", "name"], options: alice, stdout: "projects/default/instances/web\n" },
    { args: ["get", "projects", "-o", "name"], options: alice, stdout: "projects/default\n" },
    { args: ["mirror", "--once"], options: alice, stdout: /-- whole at/ },
    denied(["stop", "web"], "editor of project default"),
    denied(["exec", "web", "--", "ls"], "editor of project default"),
    denied(["cp", "web:/etc/hostname", platform.dataDir], "editor of project default"),
    denied(["instance", "docker-env", "web"], "editor of project default"),
    denied(["get", "i", "-p", "team"], "viewer of project team"),
    denied(["mirror", "team", "--once"], "viewer of project team"),
    denied(["mirror", "realm", "--once"], "realm-admin"),
    denied(["cordon", "host-a"], "realm-admin"),
    denied(["add", "project", "more"], "realm-admin"),
    { args: ["get", "i"], options: eve, code: 5, stderr: refusal("viewer of project default", "eve") },
    { args: ["get", "i", "-A"], options: eve, stdout: "No instances found.\n" },
    { args: ["get", "i", "-p", "team"], options: eve, stdout: "No instances found.\n" },
    { args: ["add", "token", "x"], code: 2, stderr: "error: give it at least one --role, or --realm-admin\n" },
    { args: ["add", "token", "x", "--role", "a=b"], code: 2, stderr: /^error: --role a=b: write project=viewer/ },
    {
      args: ["add", "token", "x", "--realm-admin", "--ttl", "1000d"],
      code: 2,
      stderr: "error: --ttl is at most 366d\n",
    },
    {
      args: ["add", "token", "x", "--realm-admin", "--data-dir", "/nope"],
      code: 2,
      stderr: /^error: the realm's token key \/nope\/token\/private\.jwk cannot be read/,
    },
  ]);
});

test("what is wrong with the way to the realm is said, with what to do", async () => {
  const [closed] = await freePorts(1);
  await using folder = await testFolder("other");
  const other = await createRealm(folder.path);
  const broken = join(platform.dataDir, "broken.yaml");
  await writeFile(broken, "x: [");
  const expired = await platform.mint({ subject: "bob", realmAdmin: true, ttlMs: -120_000 });
  const hint = "Is the realm running (npm start)? gantry config get-contexts shows where it is looked for.";
  const nothing = {
    config: gantry.config("closed", { address: `127.0.0.1:${closed}`, gateway: `http://127.0.0.1:${closed}` }),
  };
  const get = ["get", "instances"];
  const silent = lines(`error: nothing answers at 127.0.0.1:${closed}`, hint);
  await expectAll(gantry, [
    { args: get, options: nothing, code: 6, stderr: silent },
    { args: ["mirror", "--once"], options: nothing, code: 6, stderr: silent },
    { args: ["exec", "web", "--", "ls"], options: nothing, code: 6, stderr: silent },
    { args: ["watch"], options: nothing, code: 6, stderr: silent },
    { args: ["stop", "web"], options: nothing, code: 6, stderr: silent.replace("error:", "instance/web failed:") },
    {
      args: get,
      options: { config: gantry.config("ca", { ca: other.caPath }) },
      code: 6,
      stderr: /^error: what answers at the context's address is not of the realm whose CA/,
    },
    {
      args: get,
      options: { config: gantry.config("http", { address: platform.addresses.http }) },
      code: 6,
      stderr: /^error: what answers at the context's address does not speak TLS/,
    },
    {
      args: get,
      options: { config: gantry.config("noca", { ca: "/nope" }) },
      code: 2,
      stderr: /^error: the realm's CA certificate \/nope cannot be read/,
    },
    {
      args: get,
      options: { config: gantry.config("old", { token: expired }) },
      code: 5,
      stderr: /^error: the token has expired\n.*gantry add token/,
    },
    {
      args: ["mirror"],
      options: { config: gantry.config("old", { token: expired }) },
      code: 5,
      stderr: /^error: the token has expired\n/,
    },
    {
      args: get,
      options: { config: gantry.config("bad", { token: "abc" }) },
      code: 5,
      stderr: /^error: the token is not valid in this realm\n/,
    },
    { args: get, options: { config: broken }, code: 2, stderr: /^error: .*broken\.yaml cannot be read: Flow sequence/ },
    {
      args: get,
      options: { config: "/nope" },
      code: 2,
      stderr: /^error: \/nope names no realm: "npm start" on a server writes it there/,
    },
    { args: [...get, "--context", "nope"], code: 2, stderr: /^error: no context "nope" in .*; known: test\n$/ },
  ]);
});

test("contexts and the project of a context", async () => {
  const options = { config: gantry.config("mine", {}) };
  await expectAll(gantry, [
    {
      args: ["config", "get-contexts"],
      options,
      stdout: new RegExp(`^CURRENT +NAME +ADDRESS +PROJECT\n\\* +mine +${platform.addresses.grpc} +default\n$`),
    },
    { args: ["config", "set-project", "team"], options, stdout: "now using project team\n" },
    { args: ["get", "i"], options, stdout: "No instances found.\n" },
    { args: ["get", "i", "-p", "default", "-o", "name"], options, stdout: "projects/default/instances/web\n" },
    { args: ["config", "use-context", "nope"], options, code: 2, stderr: 'error: no context "nope"; known: mine\n' },
    { args: ["config", "use-context", "mine"], options, stdout: "now using mine\n" },
  ]);
  assert.equal((await stat(options.config)).mode & 0o777, 0o600, "it holds a token");
});

test("docker-env points a real Docker client at the engine inside", async () => {
  await gantry.ok(["add", "instance", "machine"]);
  const text = await gantry.ok(["instance", "docker-env", "machine"]);
  const script = `${text}\ndocker info --format '{{.Name}}'`;
  const { stdout } = await run("sh", ["-c", script], { timeout: TOOL_TIMEOUT_MS });
  assert.equal(stdout.trim(), "machine");
  const folder = /DOCKER_CERT_PATH=(\S+)/.exec(text)?.[1] ?? "";
  assert.equal((await stat(join(folder, "key.pem"))).mode & 0o777, 0o600);
  await expectAll(gantry, [
    {
      args: ["instance", "docker-env", "web"],
      code: 7,
      stderr: "error: projects/default/instances/web has no Docker engine inside\n",
    },
    { args: ["delete", "instance", "machine", "-q"], stdout: "instance/machine deleted\n" },
  ]);
});

test("completion: words for the shell; the bash script in a real bash", async () => {
  const script = await gantry.ok(["completion", "bash"]);
  const complete = async (line: string): Promise<string[]> => {
    const driver = [
      `gantry() { node ${join(import.meta.dirname, "../../gateway/cli/bin.js")} "$@"; }`,
      script,
      'COMP_LINE="$1"; COMP_POINT=${#1}; _gantry; printf "%s\\n" "${COMPREPLY[@]}"',
    ].join("\n");
    const env = { ...process.env, GANTRY_CONFIG: gantry.configPath };
    const { stdout } = await run("bash", ["-c", driver, "bash", line], { env, timeout: TOOL_TIMEOUT_MS });
    return stdout.split("\n").filter((word) => word !== "");
  };
  const cases: [string, string[]][] = [
    ["gantry st", ["start", "stats", "stop"]],
    ["gantry add ", ["cluster", "instance", "mirror", "project", "token"]],
    ["gantry get ho", ["hosts"]],
    ["gantry get instance ", ["web"]],
    ["gantry -p team start ", ["cluster"]],
    ["gantry start w", ["web"]],
    ["gantry exec ", ["node", "web"]],
    ["gantry scale ", ["cluster"]],
    ["gantry wait instance/w", ["instance/web"]],
    ["gantry get i -o ", ["json", "name", "table", "wide", "yaml"]],
    ["gantry get i --project t", ["team"]],
    ["gantry get --al", ["--all-projects"]],
    ["gantry cp w", ["web:/"]],
    ["gantry wait web --for state=RU", ["RUNNING"]],
    ["gantry exec web -- l", []],
  ];
  for (const [line, words] of cases) assert.deepEqual(await complete(line), words, line);
  await expectAll(gantry, [
    { args: ["completion", "tcsh"], code: 2, stderr: 'error: no completion for "tcsh"; known: bash, zsh, fish\n' },
    {
      args: ["__complete", "get", ""],
      options: { config: "/nope" },
      stdout: lines(...[...kindWords].toSorted()),
    },
  ]);
});

test("help is worth reading, and goes to standard output when it is asked for", async () => {
  const words = [...(await gantry.ok(["--help"])).matchAll(/^ {2}([a-z][a-z-]*)(?:, [a-z]+)? {2,}/gm)].map(
    (match) => match[1] ?? "",
  );
  assert.ok(words.length >= 24, words.join(" "));
  for (const word of words.filter((known) => known !== "help" && known !== "gantry")) {
    const { stdout, stderr, code } = await gantry.run([word, "--help"]);
    assert.deepEqual({ stderr, code }, { stderr: "", code: 0 }, word);
    assert.match(stdout, new RegExp(`^Usage: gantry ${word}(\\|[a-z]+)? `), word);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 100, `${word}: ${line}`);
  }
  assert.match(await gantry.ok(["--version"]), /^\d+\.\d+\.\d+\n$/);
});
