import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { after, before, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { LoadImageRequest, LoadImageStart } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { call, metadataOf } from "../../../services/common/rpc/client.ts";
import { BUSYBOX, NODE } from "../../images/images.ts";
import { TestClusters } from "./support/clusters.ts";
import { execNode, exportLogs, loadImage } from "./support/node-streams.ts";
import { runPod, webPod } from "./support/pods.ts";
import { SecondProcess } from "./support/second-process.ts";
import { RealTools } from "./support/tools.ts";

const NODES = ["dev-control-plane", "dev-worker"] as const;
const STDIN_BYTES = 4 * 1024 * 1024;
const PART_BYTES = 512 * 1024;

let clusters: TestClusters;
let tools: RealTools;
before(async () => {
  clusters = await TestClusters.start({ images: [BUSYBOX, NODE] });
  tools = await RealTools.open(clusters.platform.engine);
  await clusters.created("dev", { workers: 1 });
});
after(() => clusters?.[Symbol.asyncDispose]());

const node = (id: string): string => `${clusters.name("dev")}/nodes/${id}`;

async function failure(work: Promise<unknown>): Promise<GantryError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GantryError, `it must fail: ${String(error)}`);
  return error;
}

test("a command in a node: its output, its exit code, and what it is given", async () => {
  const { code, stdout, stderr } = await execNode(clusters, node("dev-worker"), [
    "bash",
    "-c",
    "hostname; echo oops >&2; exit 7",
  ]);
  assert.deepEqual([code, stdout.toString(), stderr.toString()], [7, "dev-worker\n", "oops\n"]);
  const input = randomBytes(STDIN_BYTES);
  const summed = await execNode(clusters, node("dev-control-plane"), ["sha256sum"], pieces(input));
  assert.equal(summed.stdout.toString(), `${createHash("sha256").update(input).digest("hex")}  -\n`);
});

test("a command is refused with every bad field, and where there is no such node", async () => {
  const bad = await failure(execNode(clusters, node("dev-worker"), ["", "\0"]));
  assert.equal(bad.code, Code.INVALID_ARGUMENT);
  assert.deepEqual(
    bad.violations.map(({ field }) => field),
    ["start.command[0]", "start.command[1]"],
  );
  assert.equal((await failure(execNode(clusters, node("dev-worker9"), ["true"]))).code, Code.NOT_FOUND);
});

test("images of the engine reach every node at once, and run there", async () => {
  await tools.docker("tag", BUSYBOX, "example.test/first:1");
  await tools.docker("tag", BUSYBOX, "example.test/second:1");
  const images = ["example.test/first:1", "example.test/second:1"];
  const answers = await loadImage(clusters, { name: clusters.name("dev"), images });
  const last = answers.at(-1)!;
  assert.deepEqual([...last.finishedNodes].toSorted(), [...NODES]);
  assert.equal(last.done, true);
  assert.ok(last.bytes > 500_000n, `${last.bytes} bytes`);
  assert.equal(answers.filter(({ done }) => done).length, 1);
  for (const id of NODES) {
    const listed = await tools.docker("exec", id, "crictl", "images");
    assert.match(listed, /example\.test\/first\W+1\b/);
    assert.match(listed, /example\.test\/second\W+1\b/);
  }
  const pod = webPod("loaded", "dev-worker");
  pod.spec!.containers[0]!.image = "example.test/first:1";
  pod.spec!.containers[0]!.imagePullPolicy = "Never";
  await runPod(await clusters.api("dev"), pod, 60_000);
});

test("an id is no name that a node could know an image by", async () => {
  const id = (await tools.docker("image", "inspect", "--format={{.Id}}", BUSYBOX)).trim();
  for (const image of [id, id.slice("sha256:".length, -20)]) {
    const error = await failure(loadImage(clusters, { name: clusters.name("dev"), images: [image] }));
    assert.equal(error.code, Code.INVALID_ARGUMENT);
    assert.match(error.message, /is an id: nodes know images by their tags/);
  }
});

test("an archive reaches the nodes that are named, no others", async () => {
  await tools.docker("tag", BUSYBOX, "example.test/archived:1");
  const path = tools.path("archived.tar");
  await tools.docker("save", "--output", path, "example.test/archived:1");
  const archive = createReadStream(path, { highWaterMark: PART_BYTES });
  const answers = await loadImage(clusters, { name: clusters.name("dev"), nodes: ["dev-worker"] }, archive);
  assert.deepEqual(answers.at(-1)!.finishedNodes, ["dev-worker"]);
  assert.match(await tools.docker("exec", "dev-worker", "crictl", "images"), /example\.test\/archived\W+1\b/);
  assert.doesNotMatch(await tools.docker("exec", "dev-control-plane", "crictl", "images"), /archived/);
});

const refused: [string, Parameters<typeof loadImage>[1], Uint8Array[], Code, RegExp][] = [
  [
    "images that the engine does not have, all of them named",
    { images: ["no.test/a:1", BUSYBOX, "no.test/b:1"] },
    [],
    Code.NOT_FOUND,
    /no\.test\/a:1, no\.test\/b:1/,
  ],
  [
    "bad names and nodes",
    { images: ["A B", "a@sha256:".padEnd(73, "0")], nodes: ["none"] },
    [],
    Code.INVALID_ARGUMENT,
    /start\.images\[0\].*start\.images\[1\]: names a digest.*start\.nodes\[0\]/s,
  ],
  ["neither image nor archive", {}, [], Code.INVALID_ARGUMENT, /^data: is empty/],
  ["what is no archive", {}, [randomBytes(PART_BYTES)], Code.INVALID_ARGUMENT, /^data: is no archive of images/],
  ["a part that is too large", {}, [randomBytes(1024 * 1024 + 1)], Code.INVALID_ARGUMENT, /^data: is larger than/],
];
for (const [title, start, parts, code, text] of refused) {
  test(`refused: ${title}`, async () => {
    const load = loadImage(clusters, { name: clusters.name("dev"), ...start }, each(parts));
    const error = await failure(load);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
  });
}

test("a client that goes in the middle of an archive leaves nothing running in the nodes", async () => {
  const going = clusters.client.loadImage(metadataOf(clusters.token));
  // What the call ends with is of no interest: it was cancelled.
  going.on("error", () => undefined).resume();
  const start = LoadImageStart.fromPartial({ name: clusters.name("dev") });
  going.write(LoadImageRequest.fromPartial({ part: { $case: "start", value: start } }));
  const imports = async (): Promise<number> => {
    const tables = await Promise.all(NODES.map((id) => tools.docker("top", id, "-eo", "pid,args")));
    return tables.filter((table) => table.includes("images import")).length;
  };
  await clusters.until("every node imports", async () => (await imports()) === NODES.length);
  going.cancel();
  await clusters.until("no node imports", async () => (await imports()) === 0);
});

test("logs of every node, laid out as kind does", async () => {
  const files = await exportLogs(clusters, "dev");
  assert.match(files.get("docker-info.txt") ?? "", /"ServerVersion"/);
  assert.match(files.get("kind-version.txt") ?? "", /^gantry v/);
  for (const id of NODES) {
    const read = (name: string): string => files.get(`${id}/${name}`) ?? "";
    assert.equal(read("kubernetes-version.txt").trim(), "v1.20.2");
    assert.match(read("journal.log"), /systemd/);
    assert.match(read("kubelet.log"), /kubelet/);
    assert.match(read("containerd.log"), /containerd/);
    assert.match(read("images.log"), /example\.test\/first/);
    assert.match(read("serial.log"), /Multi-User System/);
    assert.equal(JSON.parse(read("inspect.json"))[0].Name, `/${id}`);
    // Alternatives are told only by images that were made with them.
    assert.ok([...files.keys()].some((name) => name.startsWith(`${id}/pods/kube-system_kube-proxy-`)));
    assert.ok([...files.keys()].some((name) => name.startsWith(`${id}/containers/kube-proxy-`)));
  }
  assert.ok([...files].some(([name, text]) => name.includes("/containers/kube-apiserver-") && text.length > 0));
});

test("a process of another host passes commands, images, logs and kubeconfigs on", async () => {
  await using second = await SecondProcess.start(clusters.platform);
  const there = Object.create(clusters, { client: { value: second.client } }) as TestClusters;
  const summed = await execNode(there, node("dev-worker"), ["sha256sum"], pieces(randomBytes(STDIN_BYTES)));
  assert.equal(summed.code, 0);
  assert.equal((await execNode(there, node("dev-worker"), ["hostname"])).stdout.toString(), "dev-worker\n");
  const answers = await loadImage(there, { name: clusters.name("dev"), nodes: ["dev-worker"], images: [BUSYBOX] });
  assert.deepEqual(answers.at(-1)!.finishedNodes, ["dev-worker"]);
  assert.match((await exportLogs(there, "dev")).get("dev-worker/kubelet.log") ?? "", /kubelet/);
  const request = { name: clusters.name("dev"), internal: false };
  const [here, passed] = await Promise.all(
    [clusters, there].map(({ client }) => call(client, "getKubeconfig", request, clusters.token)),
  );
  assert.deepEqual(passed, here);
});

test("a viewer may neither run commands, nor load images, nor read logs", async () => {
  const token = await clusters.platform.mint({ subject: "eve", roles: { default: "viewer" } });
  const eve = Object.create(clusters, { token: { value: { token } } }) as TestClusters;
  for (const work of [
    () => execNode(eve, node("dev-worker"), ["true"]),
    () => loadImage(eve, { name: clusters.name("dev"), images: [BUSYBOX] }),
    () => exportLogs(eve, "dev"),
  ]) {
    assert.equal((await failure(work())).code, Code.PERMISSION_DENIED);
  }
});

test("of a cluster that does not run there are still logs; commands and images are refused with what to do", async () => {
  await clusters.verb("stop", "dev");
  const exec = await failure(execNode(clusters, node("dev-worker"), ["true"]));
  assert.deepEqual([exec.code, exec.reason], [Code.FAILED_PRECONDITION, "NODE_NOT_RUNNING"]);
  assert.match(exec.message, /dev-worker is not running \(exited\): start its cluster first$/);
  const load = await failure(loadImage(clusters, { name: clusters.name("dev"), images: [BUSYBOX] }));
  assert.deepEqual([load.code, load.reason], [Code.FAILED_PRECONDITION, "NODE_NOT_RUNNING"]);
  for (const id of NODES) assert.match(load.message, new RegExp(`${id} is not running`));
  const files = await exportLogs(clusters, "dev");
  assert.equal(files.get("dev-worker/kubernetes-version.txt")?.trim(), "v1.20.2");
  assert.match(files.get("dev-worker/serial.log") ?? "", /Multi-User System/);
  assert.ok([...files.keys()].some((name) => name.startsWith("dev-worker/pods/")));
});

async function* pieces(data: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += PART_BYTES) yield data.subarray(at, at + PART_BYTES);
}

async function* each(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}
