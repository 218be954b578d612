// The gantry command on a real platform: Kubernetes clusters.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { BUSYBOX, NODE } from "../images/images.ts";
import { type Platform, startPlatform } from "../support/platform.ts";
import { provideTools, type Tools } from "../support/tools.ts";
import { expectAll, Gantry, lines } from "./support/gantry.ts";

const KIND = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: filed
nodes:
- role: control-plane
  labels: {tier: front}
`;
const NODE_NAME = "filed-control-plane";
const run = promisify(execFile);
const TOOL_TIMEOUT_MS = 60_000;
/** Of what makes or starts nodes. */
const LONG = { timeoutMs: 180_000 };

let platform: Platform;
let gantry: Gantry;
let tools: Tools;
/** What is on the engine before any cluster. */
let clean: string;
before(async () => {
  tools = await provideTools();
  platform = await startPlatform({
    services: ["compute", "cluster", "gateway"],
    images: [BUSYBOX, NODE],
    nodeImage: NODE,
  });
  gantry = new Gantry(platform);
  clean = await onEngine();
});
after(async () => {
  gantry?.stop();
  await platform?.stop();
});

/** Every container, network and volume, but for what a host's probes make and remove at their own time. */
async function onEngine(): Promise<string> {
  const lists = [
    ["ps", "-a", "--format", '{{.ID}} {{.Label "gantry.dev/kind"}}'],
    ["network", "ls", "-q"],
    ["volume", "ls", "-q"],
  ];
  const each = await Promise.all(lists.map((args) => docker(...args)));
  const lines = each.flatMap((list) => list.split("\n"));
  return lines.filter((line) => line !== "" && !line.endsWith(" probe")).join("\n");
}

async function docker(...args: string[]): Promise<string> {
  const socket = `unix://${platform.engine.socketPath}`;
  return (await run(tools.docker, ["-H", socket, ...args], { timeout: TOOL_TIMEOUT_MS })).stdout;
}

test("what would be made, and everything that is wrong, without making anything", async () => {
  const file = join(platform.dataDir, "kind.yaml");
  await writeFile(file, KIND);
  await expectAll(gantry, [
    { args: ["get", "clusters"], stdout: "No clusters found.\n" },
    { args: ["get", "nodes"], stdout: "No nodes found.\n" },
    { args: ["get", "clustersnapshots", "-A"], stdout: "No clustersnapshots found.\n" },
    { args: ["get", "pods", "-A"], stdout: "No pods found.\n" },
    { args: ["get", "pods", "--cluster", "none"], code: 3, stderr: /^error: nothing is known of cluster none: / },
    { args: ["get", "namespaces", "-n", "x"], code: 2, stderr: "error: namespaces are in no namespace\n" },
    { args: ["get", "instances", "-n", "x"], code: 2, stderr: /^error: --namespace goes with what clusters show/ },
    { args: ["get", "instances", "--cluster", "x"], code: 2, stderr: "error: instances are no part of a cluster\n" },
    { args: ["get", "node", "web"], code: 2, stderr: /^error: "web" is no node: they are called as dev-control-plane/ },
    { args: ["get", "cluster", "none"], code: 3, stderr: "error: projects/default/clusters/none does not exist\n" },
    { args: ["get", "node", "none-worker"], code: 3, stderr: /clusters\/none\/nodes\/none-worker does not exist\n$/ },
    { args: ["kubeconfig", "none"], code: 3, stderr: "error: projects/default/clusters/none does not exist\n" },
    {
      args: ["stop", "cluster", "none"],
      code: 3,
      stderr: /^cluster\/none failed: projects\/default\/clusters\/none does not exist\n$/,
    },
    { args: ["restart", "cluster/none"], code: 2, stderr: "error: clusters cannot do that, only instances\n" },
    {
      args: ["delete", "node", "none-worker"],
      code: 3,
      stderr: "node/none-worker failed: projects/default/clusters/none does not exist\n",
    },
    {
      args: ["delete", "cluster", "none", "--force"],
      code: 2,
      stderr: /^error: --force and --drain-timeout are of nodes/,
    },
    {
      args: ["scale", "cluster", "none", "--workers", "x"],
      code: 2,
      stderr: /^error: --workers x: not a whole number/,
    },
    { args: ["scale", "cluster", "none", "--workers", "0"], code: 3, stderr: /clusters\/none does not exist\n$/ },
    { args: ["scale", "cluster", "none", "--workers", "2"], code: 3, stderr: /clusters\/none does not exist\n$/ },
    { args: ["load", "cluster", "none"], code: 2, stderr: "error: name images, or a file as docker save writes it\n" },
    { args: ["load", "cluster", "none", "a", "./b"], code: 2, stderr: "error: either images, or one file\n" },
    {
      args: ["load", "cluster", "none", "a"],
      code: 3,
      stderr: "error: projects/default/clusters/none does not exist\n",
    },
    { args: ["snapshot", "cluster", "none"], code: 2, stderr: "error: name one cluster, then the snapshot\n" },
    { args: ["snapshot", "cluster", "none", "s"], code: 3, stderr: /^clustersnapshot\/s failed: .*does not exist\n$/ },
    { args: ["restore", "cluster/none", "s"], code: 3, stderr: /^cluster\/none failed: .*does not exist\n$/ },
    { args: ["delete", "clustersnapshot", "s"], code: 3, stderr: /^clustersnapshot\/s failed: .*does not exist\n$/ },
    { args: ["fork", "cluster/none"], code: 2, stderr: "error: name one cluster or clustersnapshot, then the fork\n" },
    {
      args: ["fork", "cluster", "none", "two"],
      code: 3,
      stderr: /^cluster\/two failed: .*clusters\/none does not exist\n$/,
    },
    { args: ["upgrade", "cluster", "none", "-i", NODE], code: 3, stderr: /^cluster\/none failed: .*does not exist\n$/ },
    { args: ["adopt", "cluster", "gone"], code: 3, stderr: /^cluster\/gone failed: .* has no cluster gone: / },
    { args: ["logs", "cluster/none", "-f"], code: 2, stderr: "error: --follow: of an instance's log\n" },
    { args: ["logs", "cluster/none"], code: 3, stderr: "error: projects/default/clusters/none does not exist\n" },
    { args: ["exec", "node/none-worker", "--", "ls"], code: 3, stderr: /nodes\/none-worker does not exist\n$/ },
    {
      args: ["exec", "cluster/none", "--", "ls"],
      code: 2,
      stderr: /^error: clusters cannot do that, only instances and nodes/,
    },
    { args: ["add", "cluster"], code: 2, stderr: "error: name the cluster, as in: gantry add cluster dev\n" },
    { args: ["add", "cluster", "dev", "--nodes", "3", "--dry-run"], stdout: "cluster/dev would be created\n" },
    { args: ["add", "cluster", "--k8s-config", file, "--dry-run"], stdout: "cluster/filed would be created\n" },
    {
      args: ["add", "cluster", "--k8s-config", file, "--nodes", "2"],
      code: 2,
      stderr: /do not go with a file that names the nodes\n$/,
    },
    { args: ["apply", "-f", file, "--dry-run"], stdout: "cluster/filed would be created\n" },
    {
      args: ["add", "cluster", "dev", "--control-planes", "2", "--memory", "1Mi", "--pod-subnet", "x", "--dry-run"],
      code: 2,
      stderr: /node_groups.* \(--nodes, --control-planes, .*pod_subnet \(--pod-subnet\): /s,
    },
    {
      args: ["apply", "-f", "-"],
      options: { stdin: `${KIND}nodez: 1\n---\nkind: instance\n` },
      code: 2,
      stderr: lines(
        'error: -, document 1: nodez: is no field of it; did you mean "nodes"?',
        "-, document 2: meta.name is missing",
      ),
    },
    { args: ["get", "clusters", "-o", "name"], stdout: "" },
  ]);
});

test("a cluster is made by a configuration of kind, and seen", async () => {
  const made = await gantry.run(["apply", "-f", "-"], { stdin: KIND, ...LONG });
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout, "cluster/filed created\n");
  assert.match(made.stderr, /^(cluster\/filed \d+\/\d+ [a-z-]+.*\n)+Use it: gantry kubeconfig filed --merge/);
  await expectAll(gantry, [
    { args: ["apply", "-f", "-"], options: { stdin: KIND }, stdout: /^cluster\/filed is there already/ },
    {
      args: ["get", "clusters"],
      stdout: /^NAME +STATE +READY +VERSION +ENDPOINT .*\nfiled +RUNNING +1\/1 +v1\.20\.2 +https:\/\/127/,
    },
    { args: ["get", "operations", "-o", "name"], stdout: /operations\/cluster-/ },
    { args: ["get", "nodes", "--cluster", "filed", "-o", "name"], stdout: /\/nodes\/filed-control-plane\n$/ },
    { args: ["get", "node", NODE_NAME], stdout: /\nfiled-control-plane +filed +control-plane +READY +v1\.20\.2 / },
    { args: ["get", "pods", "none"], code: 3, stderr: /pod none in namespace default does not exist\n$/ },
    { args: ["label", "cluster/filed", "a=b"], stdout: "cluster/filed labeled\n" },
    { args: ["get", "clusters", "-l", "a=b", "-o", "name"], stdout: "projects/default/clusters/filed\n" },
    { args: ["wait", "cluster/filed", "--for", "state=RUNNING"], stdout: "cluster/filed has state=RUNNING\n" },
  ]);
  await shown(["get", "namespaces", "-o", "name"], /^namespace\/default\n(.*\n)*namespace\/kube-system\n$/);
  await shown(
    ["get", "services", "--cluster", "filed"],
    /^NAME +TYPE +CLUSTER-IP .*\nkubernetes +ClusterIP +10\.96\.0\.1 +- +443\/TCP /,
  );
  // Static pods are shown by their kubelet a moment after the node is Ready.
  await shown(
    ["get", "pods", "-A"],
    /^CLUSTER +NAMESPACE +NAME +READY +STATUS .*\n(.*\n)*filed +kube-system +etcd-filed-control-plane +1\/1 +Running /,
  );
  const described = parse(await gantry.ok(["describe", "cluster", "filed"])) as { meta: { labels: unknown } };
  assert.deepEqual(described.meta.labels, { a: "b" });
});

/** What the cluster's API shows is there a moment after the cluster is. */
async function shown(args: string[], pattern: RegExp): Promise<void> {
  const look = async () => assert.match(await gantry.ok(args), pattern) ?? true;
  await waitUntil(look, { what: `gantry ${args.join(" ")}`, timeoutMs: 120_000 });
}

const merged = () => join(platform.dataDir, "merged");

test("its kubeconfig, in a file and among others, works with kubectl", async () => {
  const kubeconfig = join(platform.dataDir, "kubeconfig");
  await expectAll(gantry, [
    { args: ["kubeconfig", "filed", "--output-file", kubeconfig], stderr: `${kubeconfig} written\n` },
    {
      args: ["kubeconfig", "filed", "--merge"],
      options: { env: { KUBECONFIG: merged() } },
      stdout: `context kind-filed set in ${merged()}\n`,
    },
  ]);
  assert.equal((await stat(kubeconfig)).mode & 0o777, 0o600);
  assert.equal(await readFile(kubeconfig, "utf8"), await gantry.ok(["kubeconfig", "filed"]));
  for (const file of [kubeconfig, merged()]) {
    const args = ["--kubeconfig", file, "get", "nodes", "-l", "tier=front", "-o", "name"];
    const { stdout } = await run(tools.kubectl, args, { timeout: TOOL_TIMEOUT_MS });
    assert.equal(stdout, "node/filed-control-plane\n");
  }
});

test("commands in a node, images for it, its logs", async () => {
  const archive = join(platform.dataDir, "busybox.tar");
  const folder = join(platform.dataDir, "logs");
  const node = `node/${NODE_NAME}`;
  await docker("save", "-o", archive, BUSYBOX);
  await expectAll(gantry, [
    { args: ["exec", node, "--", "hostname"], stdout: `${NODE_NAME}\n` },
    { args: ["exec", "node", NODE_NAME, "-e", "A=b", "--", "sh", "-c", "echo $A; exit 7"], code: 7, stdout: "b\n" },
    { args: ["exec", "-i", node, "--", "cat"], options: { stdin: "in and out" }, stdout: "in and out" },
    { args: ["exec", node, "--", "/none"], code: 127, stderr: /^error: / },
    { args: ["load", "cluster", "filed", "none:1"], code: 3, stderr: /^error: .*none:1/ },
    { args: ["load", "cluster/filed", "./none.tar"], code: 2, stderr: /^error: \.\/none\.tar cannot be read: ENOENT/ },
    {
      args: ["load", "cluster/filed", "-"],
      options: { stdin: "no archive" },
      code: 2,
      stderr: /^error: .*no archive of images/,
    },
    {
      args: ["load", "cluster", "filed", BUSYBOX, "--node", NODE_NAME],
      stdout: /^cluster\/filed: [\d.]+[KM]i loaded into 1 node\n$/,
      stderr: `${node} has them\n`,
    },
    { args: ["exec", node, "--", "crictl", "rmi", BUSYBOX] },
    { args: ["load", "cluster", "filed", archive, "-q"], stdout: /^cluster\/filed: [\d.]+[KM]i loaded into 1 node\n$/ },
    { args: ["exec", node, "--", "crictl", "images"], stdout: /gantry-test\/busybox:latest/ },
    { args: ["logs", "cluster", "filed", folder], stdout: new RegExp(`^cluster/filed: .*i of logs in ${folder}\\n$`) },
  ]);
  const onTerminal = gantry.onTerminal(["exec", "-t", node, "--", "sh", "-c", "test -t 1 && echo a terminal"]);
  assert.match((await onTerminal.ended(60_000)).stdout, /a terminal/);
  assert.ok((await readdir(join(folder, NODE_NAME))).includes("kubelet.log"));
  assert.match(await readFile(join(folder, NODE_NAME, "kubernetes-version.txt"), "utf8"), /^v1\.20\.2/);
});

test("a node changes while it runs, by options and by a file", async () => {
  const node = `node/${NODE_NAME}`;
  const shared = join(platform.dataDir, "shared");
  await mkdir(shared);
  await writeFile(join(shared, "word"), "from the host");
  const updated = `${node} updated\n`;
  await expectAll(gantry, [
    {
      args: ["update", node, "--label", "disk=fast", "--publish", "30080", "--mount", `${shared}:/data:ro`, "-q"],
      stdout: updated,
    },
    { args: ["get", node, "-o", "wide"], stdout: /127\.0\.0\.1:\d+->30080\/tcp/ },
    { args: ["exec", node, "--", "cat", "/data/word"], stdout: "from the host" },
    { args: ["update", "node", NODE_NAME, "--unpublish", "30080", "--unmount", "/data", "-q"], stdout: updated },
    { args: ["exec", node, "--", "cat", "/data/word"], code: 1, stderr: /No such file/ },
    { args: ["get", node, "-o", "wide"], stdout: /^(?![^]*->30080)/ },
    { args: ["update", node], code: 2, stderr: /^error: say what to change: / },
    {
      args: ["update", "cluster", "filed", "--cpus", "1"],
      code: 2,
      stderr: /^error: clusters cannot do that, only nodes\n/,
    },
    { args: ["update", node, "--cpus", "0.01"], stderr: /node\.spec\.cpu_millis \(--cpus\): 10 is less than/, code: 2 },
  ]);
  const document = parse((await gantry.run(["get", node, "-o", "yaml"])).stdout) as { spec: { labels: object } };
  document.spec.labels = { disk: "slow" };
  const file = JSON.stringify({ kind: "node", ...document });
  await expectAll(gantry, [
    {
      args: ["apply", "-f", "-", "--dry-run"],
      options: { stdin: file },
      stdout: `${node} would change: spec.labels\n`,
    },
    { args: ["apply", "-f", "-", "-q"], options: { stdin: file }, stdout: updated },
    { args: ["apply", "-f", "-"], options: { stdin: file }, stdout: `${node} unchanged\n` },
  ]);
});

test("a worker comes and goes", async () => {
  await expectAll(gantry, [
    { args: ["scale", "cluster", "filed", "--workers", "0"], stdout: "cluster/filed unchanged\n" },
    {
      args: ["scale", "cluster", "filed", "--workers", "1", "-q"],
      options: LONG,
      stdout: "cluster/filed scaled to 1 worker\n",
    },
    { args: ["get", "node", "filed-worker"], stdout: /\nfiled-worker +filed +worker +READY +v1\.20\.2 / },
    { args: ["exec", "node/filed-worker", "--", "hostname"], stdout: "filed-worker\n" },
    {
      args: ["delete", "node", NODE_NAME],
      code: 7,
      stderr: /^node\/filed-control-plane failed: .* is the last control plane\n/,
    },
    {
      args: ["scale", "cluster/filed", "--workers", "0", "-q", "--drain-timeout", "20s"],
      options: LONG,
      stdout: "node/filed-worker deleted\n",
    },
    { args: ["get", "nodes", "-o", "name"], stdout: `projects/default/clusters/filed/nodes/${NODE_NAME}\n` },
  ]);
});

test("stopped, started, and deleted with all that was its own", async () => {
  await expectAll(gantry, [
    { args: ["stop", "cluster", "filed", "-q"], options: LONG, stdout: "cluster/filed stopped\n" },
    { args: ["get", "cluster", "filed"], stdout: /\nfiled +STOPPED +0\/1 / },
    {
      args: ["exec", `node/${NODE_NAME}`, "--", "ls"],
      code: 7,
      stderr: /is not running \(exited\): start its cluster first/,
    },
    { args: ["start", "cluster", "filed", "-q"], options: LONG, stdout: "cluster/filed started\n" },
    { args: ["wait", "cluster/filed", "--for", "state=RUNNING"], stdout: "cluster/filed has state=RUNNING\n" },
    { args: ["get", "cluster", "filed"], stdout: /\nfiled +RUNNING +1\/1 / },
    {
      args: ["delete", "cluster", "filed"],
      options: { env: { KUBECONFIG: merged() }, ...LONG },
      stdout: "cluster/filed deleted\n",
      stderr: new RegExp(`^(cluster/filed .*\\n)*context kind-filed removed from ${merged()}\\n$`),
    },
    { args: ["get", "nodes"], stdout: "No nodes found.\n" },
    { args: ["get", "pods", "-A"], stdout: "No pods found.\n" },
  ]);
  assert.deepEqual((parse(await readFile(merged(), "utf8")) as { contexts: unknown }).contexts, []);
  assert.equal(await onEngine(), clean);
});
