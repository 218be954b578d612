// The gantry command on a real platform: resources and what may be done with them.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { BUSYBOX, DIND } from "../images/images.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { expectAll, Gantry, lines } from "./support/gantry.ts";

const IMAGE = ["--image", BUSYBOX, "--stop-timeout", "0s"];
const SLEEP = ["--", "sleep", "1000"];

let platform: Platform;
let gantry: Gantry;
before(async () => {
  // Busybox as it is: not as the image of instances that name none, which have an engine inside.
  platform = await startPlatform({ instanceImage: DIND });
  gantry = new Gantry(platform);
});
after(async () => {
  gantry?.stop();
  await platform?.stop();
});

test("instances from their making to their end, several at once", async () => {
  await expectAll(gantry, [
    { args: ["get", "instances"], stdout: "No instances found.\n" },
    { args: ["add", "instance", "web", ...IMAGE, "--dry-run", ...SLEEP], stdout: "instance/web would be created\n" },
    { args: ["get", "instances"], stdout: "No instances found.\n" },
  ]);
  const made = await gantry.run(["add", "instance", "web", "db", ...IMAGE, "--label", "tier=front", ...SLEEP]);
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(made.stdout.trim().split("\n").toSorted(), ["instance/db created", "instance/web created"]);
  assert.match(made.stderr, /^(instance\/(web|db) \d\/\d [a-z-]+\n)+$/, "a line for each step, nothing else");
  const table = (await gantry.ok(["get", "instances"])).split("\n");
  assert.match(table[0] ?? "", /^NAME +STATE +IMAGE +ADDRESS +CPU +MEMORY +HOST +AGE$/);
  assert.match(table[1] ?? "", /^db +RUNNING +gantry-test\/busybox:latest +[\d.]+ +- +- +host-a +\d+s$/);
  await expectAll(gantry, [
    {
      args: ["get", "i", "-o", "name"],
      stdout: lines("projects/default/instances/db", "projects/default/instances/web"),
    },
    { args: ["get", "instance", "web", "db", "-o", "name"], stdout: /^projects.*web\nprojects.*db\n$/ },
    { args: ["get", "i", "-l", "tier=back"], stdout: "No instances found.\n" },
    {
      args: ["get", "i", "-l", "tier in (front)", "-A"],
      stdout: /^NAME +PROJECT +STATE[^\n]+\ndb +default +RUNNING[^\n]+\nweb/,
    },
    {
      args: ["add", "instance", "web", ...IMAGE],
      code: 7,
      stderr: "instance/web failed: projects/default/instances/web exists already\n",
    },
    { args: ["stop", "web", "db", "-q"], stdout: /^instance\/\w+ stopped\ninstance\/\w+ stopped\n$/ },
    {
      args: ["resume", "web"],
      code: 7,
      stderr: /^instance\/web failed: .*web is STOPPED: resume needs it to be paused\n$/,
    },
    { args: ["start", "instance/web", "-q"], stdout: "instance/web started\n" },
    { args: ["pause", "web", "-q"], stdout: "instance/web paused\n" },
    { args: ["exec", "web", "--", "true"], code: 7, stderr: /is paused: resume it first/ },
    { args: ["resume", "web", "-q"], stdout: "instance/web resumed\n" },
    { args: ["restart", "web", "-q"], stdout: "instance/web restarted\n" },
    { args: ["resize", "web", "--cpus", "500m", "--memory", "64Mi", "-q"], stdout: "instance/web resized\n" },
    { args: ["label", "instance", "web", "tier-", "a=b", "-q"], stdout: "instance/web labeled\n" },
  ]);
  const web = JSON.parse(await gantry.ok(["get", "instance", "web", "-o", "json"])) as Record<string, never>;
  const { meta, spec, status } = web as unknown as Record<string, Record<string, unknown>>;
  assert.deepEqual(meta?.["labels"], { a: "b" });
  assert.equal(spec?.["cpuMillis"], "500");
  assert.equal(spec?.["memoryBytes"], String(64 * 2 ** 20));
  assert.equal(status?.["state"], "INSTANCE_STATE_RUNNING");
  const described = parse(await gantry.ok(["describe", "instance/web"])) as { meta: { name: string } };
  assert.equal(described.meta.name, "projects/default/instances/web");
  const listed = parse(await gantry.ok(["get", "instances", "-o", "yaml"])) as { instances: unknown[] };
  assert.equal(listed.instances.length, 2);
  await expectAll(gantry, [
    {
      args: ["delete", "instance", "web", "nope"],
      code: 3,
      stdout: "instance/web deleted\n",
      stderr: /instance\/nope failed: projects\/default\/instances\/nope does not exist\n/,
    },
    { args: ["delete", "instances"], code: 2, stderr: "error: name what to delete, or say --all or --selector\n" },
    { args: ["delete", "instances", "--all", "-q"], stdout: "instance/db deleted\n" },
    { args: ["delete", "instances", "--all"] },
  ]);
});

test("every option of a new instance arrives", async () => {
  const envFile = join(platform.dataDir, "env");
  await writeFile(envFile, "# comment\nFROM_FILE=1\n");
  const options =
    "--cpus 0.5 --memory 64Mi --pids 64 -e A=b=c --publish 8080/udp --publish 127.0.0.1:0:80 --hostname inside " +
    "--restart on-failure --privileged --stopped --label x=y --host host-a --no-inner-engine --anti-affinity none=such";
  await gantry.ok([
    "add",
    "instance",
    "full",
    ...IMAGE,
    ...options.split(" "),
    "--env-from",
    envFile,
    "--",
    "sleep",
    "9",
    "-x",
  ]);
  const { meta, spec, status } = JSON.parse(await gantry.ok(["get", "instance/full", "-o", "json"])) as Record<
    string,
    Record<string, unknown>
  >;
  assert.deepEqual(meta?.["labels"], { x: "y" });
  assert.equal(status?.["state"], "INSTANCE_STATE_STOPPED");
  assert.deepEqual(spec, {
    image: BUSYBOX,
    innerEngine: "INNER_ENGINE_DISABLED",
    command: ["sleep", "9", "-x"],
    env: { A: "b=c", FROM_FILE: "1" },
    hostname: "inside",
    cpuMillis: "500",
    memoryBytes: String(64 * 2 ** 20),
    pidsMax: "64",
    ports: [
      { hostIp: "127.0.0.1", port: 8080, protocol: "udp" },
      { hostIp: "127.0.0.1", port: 80, protocol: "tcp" },
    ],
    restartPolicy: "RESTART_POLICY_ON_FAILURE",
    privileged: true,
    power: "POWER_STATE_STOPPED",
    placement: { host: "host-a", antiAffinity: "none=such" },
    stopTimeout: "0s",
  });
  await gantry.ok(["delete", "instance", "full"]);
});

test("wrong input: every problem at once, with the option to change", async () => {
  await expectAll(gantry, [
    {
      args: [
        "add",
        "instance",
        "Bad_Name",
        "--cpus",
        "0.001",
        "--memory",
        "1",
        "--publish",
        "99999",
        "--image",
        BUSYBOX,
      ],
      code: 2,
      stderr: new RegExp(
        [
          String.raw`^instance/Bad_Name failed: the request has bad fields:`,
          String.raw`  instance_id \(the instance's name\): "Bad_Name" is not an id: .*`,
          String.raw`  instance\.spec\.cpu_millis \(--cpus\): 1 is less than the least possible, 10.*`,
          String.raw`  instance\.spec\.memory_bytes \(--memory\): 1 is less than .*`,
          String.raw`  instance\.spec\.ports\[0\]\.port \(--publish\): 99999 is not a port.*\n$`,
        ].join("\n"),
      ),
    },
    {
      args: ["add", "instance", "x", "--cpus", "many"],
      code: 2,
      stderr: 'error: --cpus "many" is not a number of processors: write 2, 0.5 or 500m\n',
    },
    {
      args: ["add", "instance", "x", "--restart", "often"],
      code: 2,
      stderr: "error: --restart often: one of always, on-failure, never\n",
    },
    {
      args: ["add", "instance"],
      code: 2,
      stderr: /^error: missing required argument 'names'\n\(gantry create instance --help tells more\)\n$/,
    },
    {
      args: ["get", "instanes"],
      code: 2,
      stderr: lines(
        'error: no kind of resource is called "instanes"; did you mean "instances"?',
        "Kinds: instances, hosts, projects, mirrors, operations, clusters, nodes, clustersnapshots, pods, services, " +
          "deployments, statefulsets, daemonsets, jobs, persistentvolumeclaims, namespaces, events, kubernetesnodes",
      ),
    },
    {
      args: ["gte"],
      code: 2,
      stderr: lines("error: unknown command 'gte'", "(Did you mean get?)", "(gantry --help tells more)"),
    },
    { args: ["get", "--selectr", "x"], code: 2, stderr: /Did you mean --selector\?/ },
    {
      args: ["get", "i", "-o", "xml"],
      code: 2,
      stderr: 'error: no output format "xml"; known: table, wide, json, yaml, name\n',
    },
    {
      args: ["get", "i", "-l", "(("],
      code: 2,
      stderr: /^error: label_selector \(--selector\): is not a label selector/,
    },
    { args: ["get", "i", "-p", "nope"], code: 3, stderr: "error: projects/nope does not exist\n" },
    { args: ["get", "instance", "nope"], code: 3, stderr: "error: projects/default/instances/nope does not exist\n" },
    { args: ["resize", "web"], code: 2, stderr: "error: say at least one of --cpus, --memory, --pids\n" },
    { args: ["delete", "host", "host-a"], code: 2, stderr: "error: hosts cannot be deleted\n" },
    { args: ["wait", "web"], code: 2, stderr: /^error: say what to wait for/ },
    {
      args: ["get", "i", "--timeout", "soon"],
      code: 2,
      stderr: 'error: --timeout "soon" is not a duration: write 90s, 5m or 1h30m\n',
    },
  ]);
});

test("hosts, projects, mirrors, operations", async () => {
  await expectAll(gantry, [
    { args: ["cordon", "host-a"], stdout: "hosts/host-a cordoned\n" },
    { args: ["get", "hosts"], stdout: /^NAME +STATE[^\n]+\nhost-a +READY,UNSCHEDULABLE / },
    { args: ["uncordon", "host-a"], stdout: "hosts/host-a uncordoned\n" },
    { args: ["label", "host/host-a", "zone=a"], stdout: "host/host-a labeled\n" },
    { args: ["get", "hosts", "-l", "zone=a", "-o", "name"], stdout: "hosts/host-a\n" },
    {
      args: ["add", "project", "team", "--display-name", "The team", "--instances-max", "1"],
      stdout: "project/team created\n",
    },
    { args: ["get", "projects"], stdout: /^NAME[^\n]+\ndefault +ACTIVE +- +- [^\n]+\nteam +ACTIVE +The team +1 / },
    {
      args: ["add", "mirror", "front", "-p", "team", "--select", "kind=Instance,labels=tier=front,x!=y"],
      stdout: "mirror/front created\n",
    },
    { args: ["get", "mirrors", "-p", "team"], stdout: /\nfront +kind=Instance,labelSelector=tier=front,x!=y +\d+s\n$/ },
    { args: ["delete", "project", "team"], code: 7, stderr: /^error: / },
    { args: ["delete", "mirror", "front", "-p", "team"], stdout: "mirror/front deleted\n" },
    { args: ["delete", "project", "team"], stdout: "project/team deleted\n" },
  ]);
  const operation = (await gantry.ok(["add", "instance", "oo", ...IMAGE, "--no-wait", ...SLEEP])).trim();
  assert.match(operation, /^projects\/default\/operations\/compute-[0-9a-f-]{36}$/);
  const id = operation.split("/").pop() ?? "";
  await expectAll(gantry, [
    { args: ["wait", operation, "-q"], stdout: `operation/${id} done\n` },
    { args: ["get", "operation", id], stdout: /create +projects\/default\/instances\/oo +SUCCEEDED/ },
    { args: ["get", "ops", "-A", "-o", "name"], stdout: new RegExp(`^${operation}$`, "m") },
    { args: ["wait", "oo", "--for", "state=running"], stdout: "instance/oo has state=running\n" },
    {
      args: ["wait", "oo", "--for", "state=STOPPED", "--timeout", "500ms"],
      code: 4,
      stderr: lines(
        "projects/default/instances/oo is RUNNING: waiting for state=STOPPED",
        "error: projects/default/instances/oo did not get to state=STOPPED within 0.5 s: it is RUNNING",
        "--timeout gives it longer.",
      ),
    },
    { args: ["wait", "oo", "--for", "state=stoped"], code: 2, stderr: /did you mean "STOPPED"\?/ },
    { args: ["wait", "nope", "--for", "delete"], stdout: "instance/nope is gone\n" },
    {
      args: ["wait", "nope", "--for", "state=RUNNING"],
      code: 3,
      stderr: "error: projects/default/instances/nope does not exist\n",
    },
    { args: ["cancel", "compute-00000000-0000-4000-8000-000000000000"], code: 3, stderr: /does not exist\n$/ },
  ]);
  const gone = gantry.start(["wait", "instance/oo", "--for", "delete"]);
  await gantry.ok(["delete", "instance", "oo"]);
  assert.equal((await gone.ended()).stdout, "instance/oo is gone\n");
});

test("an operation outlasts --timeout and Ctrl-C; it can be cancelled", async () => {
  const slow = ["--image", BUSYBOX, "--stop-timeout", "1h"];
  await gantry.ok(["add", "instance", "deaf", ...slow, "--", "sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
  const late = await gantry.run(["stop", "deaf", "--timeout", "1s"]);
  assert.equal(late.code, 4);
  const operation = /projects\/default\/operations\/compute-[0-9a-f-]{36}/.exec(late.stderr)?.[0] ?? "";
  assert.match(late.stderr, /has not ended after 1 s; it goes on: gantry wait projects\/default\/operations\/compute-/);
  await expectAll(gantry, [
    {
      args: ["start", "deaf"],
      code: 7,
      stderr: new RegExp(
        `${operation} is running on .*\ngantry wait ${operation} waits for it, gantry cancel ${operation} ends it\\.\n$`,
      ),
    },
  ]);
  const waiting = gantry.start(["wait", operation]);
  await waiting.sees(/stop-container/);
  assert.equal((await waiting.interrupt()).code, 130);
  await expectAll(gantry, [
    { args: ["cancel", operation], stdout: `operation/${operation.split("/").pop()} asked to stop\n` },
    { args: ["wait", operation, "-q"], code: 1, stderr: /^error: / },
    { args: ["get", "instance", "deaf", "-o", "name"], stdout: "projects/default/instances/deaf\n" },
    { args: ["delete", "instance", "deaf", "-q"], stdout: "instance/deaf deleted\n" },
  ]);
});

test("apply brings what is there in line with a file, once", async () => {
  const file = join(platform.dataDir, "all.yaml");
  const write = (memory: number, label: string, selector: string) =>
    writeFile(
      file,
      `kind: mirror\nmeta: { name: mm }\nspec: { selectors: [{ kind: ${selector} }] }\n---\n` +
        `kind: Instance\nmeta: { name: app, labels: { tier: ${label} } }\n` +
        `spec: { image: "${BUSYBOX}", command: [sleep, "1000"], memoryBytes: "${memory}", stopTimeout: 0s }\n`,
    );
  const apply = ["apply", "-f", file, "-q"];
  await write(64 * 2 ** 20, "x", "Instance");
  await expectAll(gantry, [
    { args: [...apply, "--dry-run"], stdout: lines("instance/app would be created", "mirror/mm would be created") },
    { args: apply, stdout: lines("instance/app created", "mirror/mm created") },
    { args: apply, stdout: lines("instance/app unchanged", "mirror/mm unchanged") },
  ]);
  await write(128 * 2 ** 20, "y", "Host");
  await expectAll(gantry, [
    {
      args: [...apply, "--dry-run"],
      stdout: lines(
        "instance/app would change: spec.memory_bytes, meta.labels",
        "mirror/mm would change: spec.selectors",
      ),
    },
    { args: apply, stdout: lines("instance/app updated", "instance/app resized", "mirror/mm updated") },
    { args: apply, stdout: lines("instance/app unchanged", "mirror/mm unchanged") },
  ]);
  const shown = await gantry.ok(["get", "instance", "app", "-o", "yaml"]);
  const immutable = "kind: instance\nmeta: { name: app }\nspec: { image: other }\n";
  const bad =
    "kind: instance\nmeta: { name: b }\nspec: { imagee: x, cpuMillis: abc }\n---\nkind: pod\n---\nkind: mirror\n---\n- a\n";
  await expectAll(gantry, [
    { args: ["apply", "-f", "-"], options: { stdin: `kind: instance\n${shown}` }, stdout: "instance/app unchanged\n" },
    {
      args: ["apply", "-f", "-"],
      options: { stdin: immutable },
      code: 2,
      stderr: /^instance\/app failed: .*"spec\.image" is immutable/,
    },
    {
      args: ["apply", "-f", "-"],
      options: { stdin: bad },
      code: 2,
      stderr: lines(
        "error: -, document 1: spec.imagee: InstanceSpec has no such field",
        '-, document 1: spec.cpu_millis: "abc" is not an integer',
        '-, document 2: kind is "pod"; it can be instance, cluster, node, project, mirror',
        "-, document 3: meta.name is missing",
        "-, document 4: not a resource: an object with kind, meta and spec is needed",
      ),
    },
    { args: ["apply", "-f", "/nope"], code: 2, stderr: /^error: \/nope cannot be read: ENOENT/ },
    { args: ["apply", "-f", "-"], code: 2, stderr: "error: nothing to apply in -\n" },
    { args: ["delete", "instance", "app", "-q"], stdout: "instance/app deleted\n" },
    { args: ["delete", "mirror/mm"], stdout: "mirror/mm deleted\n" },
  ]);
});

test("on a terminal progress is a bar that is drawn again in place", async () => {
  const { stdout, code } = await gantry.onTerminal(["add", "instance", "bar", ...IMAGE, ...SLEEP]).ended(60_000);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /\[#*-+\] instance\/bar \d\/\d [a-z-]+/);
  assert.ok(stdout.includes("\u001b[1A"), "goes up a line");
  assert.ok(stdout.includes("\u001b[0J"), "clears what was drawn");
  assert.ok(stdout.endsWith("instance/bar created\r\n"), JSON.stringify(stdout.slice(-200)));
  await gantry.ok(["delete", "instance", "bar"]);
});
