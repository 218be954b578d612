import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandError, runCommand } from "../../deploy/local/process/run-command.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { provideTools, type Tools } from "../support/tools.ts";
import { BUSYBOX, NODE } from "./images.ts";

const CONFIG = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{ role: control-plane }, { role: worker }, { role: worker }]
`;
/** One pod on each worker, which answers with its own name. */
const WEB = `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: busybox:1.35
          command: [sh, -c, "hostname > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`;
const CREATE_TIMEOUT_MS = 240_000;
const COMMAND_TIMEOUT_MS = 60_000;

let engine: TestEngine;
let tools: Tools;
let env: NodeJS.ProcessEnv;
before(async () => {
  tools = await provideTools();
  engine = await startEngine({ images: [BUSYBOX, NODE] });
  env = {
    DOCKER_HOST: `unix://${engine.socketPath}`,
    KUBECONFIG: join(engine.dir, "kubeconfig"),
    PATH: `${tools.dir}:${process.env["PATH"]}`,
  };
  await writeFile(join(engine.dir, "kind.yaml"), CONFIG);
  await writeFile(join(engine.dir, "web.yaml"), WEB);
});
after(() => engine?.stop());

const run = (program: string, args: string[], timeoutMs = COMMAND_TIMEOUT_MS) =>
  runCommand(program, args, { timeoutMs, env });
const docker = (...args: string[]) => run(tools.docker, args);
const kubectl = (...args: string[]) => run(tools.kubectl, args);
const kind = (...args: string[]) => run(tools.kind, args, CREATE_TIMEOUT_MS);

test("kind makes a cluster of three nodes that become Ready by the image's own pod network", async () => {
  await kind("create", "cluster", "--name=k", `--config=${join(engine.dir, "kind.yaml")}`, `--image=${NODE}`);
  await kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s");
  assert.deepEqual((await kubectl("get", "nodes", "--output=name")).trim().split("\n").sort(), [
    "node/k-control-plane",
    "node/k-worker",
    "node/k-worker2",
  ]);
});

test("pods of one node reach those of another, a service, and the names of the engine's network", async () => {
  await kubectl("apply", `--filename=${join(engine.dir, "web.yaml")}`);
  await kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
  const pods = await webPods();
  assert.equal(pods.length, 2);
  const [first] = pods;
  for (const { name, address } of pods) assert.equal(await get(first!.name, `http://${address}:8080`), `${name}\n`);
  const service = (await kubectl("get", "service", "web", "--output=jsonpath={.spec.clusterIP}")).trim();
  assert.match(await get(first!.name, `http://${service}`), /^web-/);
  const resolver = /^nameserver (\S+)$/m.exec(await docker("exec", "k-worker", "cat", "/etc/resolv.conf"))![1]!;
  assert.notEqual(resolver, "127.0.0.11");
  assert.match(
    await kubectl("exec", first!.name, "--", "nslookup", "k-control-plane", resolver),
    /Name:\s*k-control-plane/,
  );
});

test("kind loads an image once, and exports the logs of every node", async () => {
  await docker("tag", BUSYBOX, "example.test/loaded:1");
  await kind("load", "docker-image", "example.test/loaded:1", "--name=k");
  assert.match(await docker("exec", "k-worker2", "crictl", "images"), /example\.test\/loaded:1/);
  const logs = join(engine.dir, "logs");
  await kind("export", "logs", logs, "--name=k");
  for (const node of ["k-control-plane", "k-worker", "k-worker2"]) {
    const read = (name: string) => run("cat", [join(logs, node, name)]);
    assert.equal((await read("kubernetes-version.txt")).trim(), "v1.20.2");
    assert.match(await read("kubelet.log"), /kubelet/);
    assert.match(await read("images.log"), /k8s\.gcr\.io\/pause/);
  }
});

test("a control plane that got another address comes back with it", async () => {
  // As the engine has it: the node itself notes it only some time after its start.
  const format = "--format={{.NetworkSettings.Networks.kind.IPAddress}}";
  const address = async () => (await docker("inspect", format, "k-control-plane")).trim();
  const before = await address();
  await docker("stop", "k-control-plane");
  await docker("run", "--detach", "--name=taker", "--network=kind", BUSYBOX, "sleep", "3600");
  await docker("start", "k-control-plane");
  const after = await address();
  assert.notEqual(after, before);
  await waitUntil(
    async () => {
      const nodes = await kubectl("get", "nodes", "--output=wide").catch((error: unknown) => {
        // The API server has not started again.
        if (error instanceof CommandError) return "";
        throw error;
      });
      return nodes.includes(` ${after} `) || undefined;
    },
    { what: "the control plane at its new address", timeoutMs: 120_000, intervalMs: 500 },
  );
  await kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s");
  const route = await docker("exec", "k-worker", "ip", "route", "show", "via", after);
  assert.match(route, /^10\.244\.\d+\.0\/24 /);
});

test("kind deletes it", async () => {
  await kind("delete", "cluster", "--name=k");
  assert.equal(await docker("ps", "--all", "--quiet", "--filter=label=io.x-k8s.kind.cluster=k"), "");
  await docker("rm", "--force", "taker");
});

async function webPods(): Promise<{ name: string; address: string }[]> {
  const template = '{range .items[*]}{.metadata.name} {.status.podIP}{"\\n"}{end}';
  const text = await kubectl("get", "pods", "--selector=app=web", `--output=jsonpath=${template}`);
  return text
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([name, address]) => ({ name: name!, address: address! }));
}

/** What an HTTP server answers to a pod. */
function get(pod: string, url: string): Promise<string> {
  return kubectl("exec", pod, "--", "wget", "-q", "-O-", url);
}
