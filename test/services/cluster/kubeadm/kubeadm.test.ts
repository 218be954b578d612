// What the node image's own kubeadm says to files and configuration of Gantry's making.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { createContainer, startContainer } from "../../../../services/common/engine/api/containers.ts";
import { readContainerFile } from "../../../../services/common/engine/api/read-file.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { kubeadmDocuments } from "../../../../services/cluster/kubeadm/documents.ts";
import { certificateFacts } from "../../../../services/cluster/kubeadm/facts.ts";
import { kubeletFiles } from "../../../../services/cluster/kubeadm/kubelet-files.ts";
import { kubeadmFile } from "../../../../services/cluster/kubeadm/render.ts";
import type { NodeFile } from "../../../../services/cluster/nodes/node-file.ts";
import { putFiles } from "../../../../services/cluster/nodes/put-files.ts";
import { runInNode } from "../../../../services/cluster/nodes/run-in-node.ts";
import { authorityHash, createAuthorities } from "../../../../services/cluster/pki/authorities.ts";
import { controlPlaneFiles } from "../../../../services/cluster/pki/control-plane-files.ts";
import { nodeFiles } from "../../../../services/cluster/pki/node-files.ts";
import { NODE } from "../../../images/images.ts";
import { startEngine, type TestEngine } from "../../../support/engine.ts";
import { kubeadmOptions } from "./support.ts";

const CONFIG = "/kind/kubeadm.conf";
const NAME = "kubeadm-control-plane";
const FILE_BYTES_MAX = 1 << 20;

let testEngine: TestEngine;
let engine: Engine;
const signal = new AbortController().signal;
before(async () => {
  testEngine = await startEngine({ images: [NODE] });
  engine = new Engine({ socketPath: testEngine.socketPath });
  // kubeadm alone, without systemd and what it starts.
  const { Id } = await createContainer(
    engine,
    NAME,
    { Image: NODE, Hostname: NAME, Entrypoint: ["sleep", "600"] },
    { signal },
  );
  await startContainer(engine, Id, { signal });
});
after(async () => {
  engine?.close();
  await testEngine?.stop();
});

function kubeadm(...command: string[]): Promise<string> {
  return runInNode({ engine, container: NAME, command: ["kubeadm", ...command], signal });
}

async function read(path: string): Promise<string> {
  const content = await readContainerFile(engine, NAME, path, { bytesMax: FILE_BYTES_MAX, signal });
  assert.ok(content, path);
  return content.toString();
}

test("kubeadm takes the configuration, finds every certificate and kubeconfig it would make, and changes none", async () => {
  const now = new Date();
  const authorities = await createAuthorities(now);
  const node = { name: NAME, containerName: NAME, labels: { tier: "front" }, cpuMillis: 500, memoryBytes: 2 ** 30 };
  const options = kubeadmOptions("v1.20.2", { workers: true, authorityHash: authorityHash(authorities) }, node);
  const documents = kubeadmDocuments(options, [
    { merge: ["kind: ClusterConfiguration\napiServer: {certSANs: [extra.example.org]}\n"], json: [] },
  ]);
  const common = {
    ...certificateFacts(documents),
    version: options.version,
    nodeName: NAME,
    address: options.node.address,
    endpointName: options.endpointName,
    now,
  };
  const files: NodeFile[] = [
    kubeadmFile(documents),
    ...(await controlPlaneFiles(authorities, { ...common, first: true })),
    ...(await nodeFiles(authorities, { ...common, controlPlane: true })),
  ];
  await putFiles(engine, NAME, files, signal);

  assert.match(await kubeadm("config", "migrate", "--old-config", CONFIG), /kind: ClusterConfiguration/);
  const certificates = await kubeadm("init", "phase", "certs", "all", "--config", CONFIG);
  assert.equal(certificates.match(/Using existing .* certificate/g)?.length, 10, certificates);
  assert.match(certificates, /Using the existing "sa" key/);
  const kubeconfigs = await kubeadm("init", "phase", "kubeconfig", "all", "--config", CONFIG);
  assert.equal(kubeconfigs.match(/Using existing kubeconfig file/g)?.length, 4, kubeconfigs);
  for (const file of files) if ("content" in file) assert.equal(await read(file.path), file.content, file.path);
  const expiration = await kubeadm("certs", "check-expiration", "--config", CONFIG);
  assert.doesNotMatch(expiration, /MISSING|invalid/);
  assert.match(expiration, /^admin\.conf +.* 36[45]d /m);

  // The kubelet's files, side by side with kubeadm's own.
  await kubeadm("init", "phase", "kubelet-start", "--config", CONFIG);
  const [config, flags] = kubeletFiles(documents, { version: options.version, first: true });
  const theirs = parse(await read(config!.path)) as Record<string, unknown>;
  for (const [field, value] of Object.entries(parse(config!.content) as Record<string, unknown>)) {
    assert.partialDeepStrictEqual({ [field]: theirs[field] }, { [field]: value });
  }
  const words = (text: string): string[] =>
    text
      .replace(/^KUBELET_KUBEADM_ARGS="/, "")
      .replace(/"\n$/, "")
      .split(" ");
  const ours = words(flags!.content);
  // Ours register the node with its taints too, which kubeadm leaves to a later phase.
  const missing = words(await read(flags!.path)).filter((word) => !ours.includes(word));
  assert.deepEqual(missing, []);
});

test("certificates can be renewed by kubeadm with the authorities of Gantry's making", async () => {
  const before = await read("/etc/kubernetes/pki/apiserver.crt");
  assert.match(
    await kubeadm("certs", "renew", "all", "--config", CONFIG),
    /certificate for serving the Kubernetes API renewed/,
  );
  assert.notEqual(await read("/etc/kubernetes/pki/apiserver.crt"), before);
  assert.match(
    await runInNode({
      engine,
      container: NAME,
      command: ["kubeadm", "init", "phase", "certs", "all", "--config", CONFIG],
      signal,
    }),
    /Using existing apiserver certificate/,
  );
});
