// Tools that we did not write, on clusters that Gantry made: Debian's kind and kubectl. Clusters of several control planes: control-planes.test.ts.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { BUSYBOX, NODE } from "../../images/images.ts";
import { freePorts } from "../../support/ports.ts";
import { TestClusters } from "./support/clusters.ts";
import { askUrl, POD_IMAGE } from "./support/pods.ts";
import { RealTools } from "./support/tools.ts";

const ROLLOUT_TIMEOUT = "--timeout=120s";
const ANSWER_TIMEOUT_MS = 30_000;
const NOTICED_MS = 30_000;

const SHAPES = [
  { id: "one", workers: 0, nodes: ["one-control-plane"] },
  { id: "three", workers: 2, nodes: ["three-control-plane", "three-worker", "three-worker2"] },
];

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: ${POD_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "echo begun; hostname > /tmp/index.html; exec httpd -f -v -p 8080 -h /tmp"]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`;

let clusters: TestClusters;
let tools: RealTools;
before(async () => {
  clusters = await TestClusters.start({ images: [BUSYBOX, NODE] });
  tools = await RealTools.open(clusters.platform.engine);
  await tools.write("web.yaml", WEB);
  await Promise.all(SHAPES.map(({ id, workers }) => clusters.created(id, { workers })));
});
after(() => clusters?.[Symbol.asyncDispose]());

const lines = (text: string): string[] => text.trim().split("\n").toSorted();

test("kind lists the clusters", async () => {
  assert.deepEqual(lines(await tools.kind("get", "clusters")), ["one", "three"]);
});

for (const { id, nodes } of SHAPES) {
  describe(`a cluster of ${nodes.length}`, () => {
    const kubectl = (...args: string[]): Promise<string> => tools.kubectl("--context", `kind-${id}`, ...args);

    test("kind lists its nodes and gives a kubeconfig that is the same as ours", async () => {
      assert.deepEqual(lines(await tools.kind("get", "nodes", "--name", id)), nodes);
      for (const internal of [false, true]) {
        const request = { name: clusters.name(id), internal };
        const ours = await call(clusters.client, "getKubeconfig", request, clusters.token);
        const theirs = await tools.kind("get", "kubeconfig", "--name", id, ...(internal ? ["--internal"] : []));
        assert.deepEqual(facts(Buffer.from(ours.kubeconfig).toString(), internal), facts(theirs, internal));
      }
      await tools.kind("export", "kubeconfig", "--name", id);
      assert.deepEqual(
        lines(await kubectl("get", "nodes", "--output=name")),
        nodes.map((node) => `node/${node}`),
      );
    });

    test("kubectl applies, follows the rollout, runs commands, reads logs, and forwards a port", async () => {
      await kubectl("apply", "--filename", tools.path("web.yaml"));
      await kubectl("rollout", "status", "deployment/web", ROLLOUT_TIMEOUT);
      const pods = lines(await kubectl("get", "pods", "--selector=app=web", "--output=name"));
      assert.equal(pods.length, 2);
      for (const pod of pods) {
        assert.equal(await kubectl("exec", pod, "--", "hostname"), `${pod.replace("pod/", "")}\n`);
        assert.match(await kubectl("logs", pod), /^begun$/m);
      }
      const [port] = await freePorts(1);
      const forward = await tools.follow(
        ["--context", `kind-${id}`, "port-forward", "service/web", `${port}:80`],
        /Forwarding from 127\.0\.0\.1/,
      );
      try {
        const answer = await askUrl(`http://127.0.0.1:${port}/`, ANSWER_TIMEOUT_MS);
        assert.ok(pods.includes(`pod/${answer.trim()}`), answer);
      } finally {
        forward.kill();
      }
      await kubectl("set", "env", "deployment/web", "ROUND=2");
      await kubectl("rollout", "status", "deployment/web", ROLLOUT_TIMEOUT);
      await kubectl("delete", "--filename", tools.path("web.yaml"));
    });

    test("kind loads images, from the engine and from an archive", async () => {
      await tools.docker("tag", BUSYBOX, `example.test/${id}-image:1`);
      await tools.docker("tag", BUSYBOX, `example.test/${id}-archive:1`);
      const archive = tools.path(`${id}.tar`);
      await tools.docker("save", "--output", archive, `example.test/${id}-archive:1`);
      await tools.kind("load", "docker-image", `example.test/${id}-image:1`, "--name", id);
      await tools.kind("load", "image-archive", archive, "--name", id);
      for (const node of nodes) {
        const images = await tools.docker("exec", node, "crictl", "images");
        assert.match(images, new RegExp(`example\\.test/${id}-image\\W+1\\b`));
        assert.match(images, new RegExp(`example\\.test/${id}-archive\\W+1\\b`));
      }
    });

    test("kind exports its logs", async () => {
      const folder = tools.path(`${id}-logs`);
      await tools.kind("export", "logs", folder, "--name", id);
      for (const node of nodes) {
        assert.match(await readFile(join(folder, node, "kubelet.log"), "utf8"), /kubelet/);
        assert.ok((await readdir(join(folder, node, "containers"))).some((name) => name.startsWith("kube-proxy-")));
      }
    });

    test("kind deletes it: the records follow, and nothing is left", async () => {
      await tools.kind("delete", "cluster", "--name", id);
      await clusters.until("the record is gone", () => isGone(id), NOTICED_MS);
      await clusters.until("nothing is left", async () => (await clusters.leftOnEngine(id)).length === 0, NOTICED_MS);
      assert.doesNotMatch(await tools.kind("get", "clusters"), new RegExp(`^${id}$`, "m"));
    });
  });
}

/** What says where the API is and who asks. Inside, kind names the control plane's container, we the API: both are in its certificate. */
function facts(kubeconfig: string, internal: boolean): Record<string, string | undefined> {
  const value = (key: string): string | undefined => new RegExp(`${key}: (\\S+)`).exec(kubeconfig)?.[1];
  return {
    ...(internal ? {} : { server: value("server") }),
    ca: value("certificate-authority-data"),
    certificate: value("client-certificate-data"),
    key: value("client-key-data"),
    context: value("current-context"),
  };
}

async function isGone(id: string): Promise<boolean> {
  try {
    await clusters.get(id);
    return false;
  } catch (error) {
    if (error instanceof GantryError && error.code === Code.NOT_FOUND) return true;
    throw error;
  }
}
