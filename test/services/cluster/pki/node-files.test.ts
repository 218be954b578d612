import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";
import { nodeFiles } from "../../../../services/cluster/pki/node-files.ts";
import { testFolder } from "../../../support/cleanup.ts";
import { authorities, contents, describeCertificate, openssl, writeFiles } from "./support.ts";

const NOW = new Date();
const STORED = `/var/lib/kubelet/pki/kubelet-client-${NOW.toISOString().slice(0, 19).replaceAll(/[T:]/g, "-")}.pem`;
const CURRENT = "/var/lib/kubelet/pki/kubelet-client-current.pem";

function make(version: string, controlPlane: boolean): ReturnType<typeof nodeFiles> {
  return nodeFiles(authorities, {
    version: parseKubernetesVersion(version)!,
    clusterName: "dev",
    nodeName: "dev-worker",
    address: "10.208.0.3",
    endpointName: "dev-api",
    controlPlane,
    now: NOW,
  });
}

test("a kubelet has its client certificate where it renews it, and one to serve with", async () => {
  await using folder = await testFolder("pki");
  const files = await make("v1.31.0", false);
  await writeFiles(folder.path, files);
  const shape = files.map((file) => ("target" in file ? [file.path, file.target] : [file.path, file.mode]));
  assert.deepEqual(shape, [
    ["/etc/kubernetes/pki/ca.crt", 0o644],
    ["/etc/kubernetes/kubelet.conf", 0o600],
    [STORED, 0o600],
    [CURRENT, STORED],
    ["/var/lib/kubelet/pki/kubelet.crt", 0o644],
    ["/var/lib/kubelet/pki/kubelet.key", 0o600],
  ]);

  const ca = join(folder.path, "etc/kubernetes/pki/ca.crt");
  const client = join(folder.path, STORED);
  assert.match(await openssl("verify", "-purpose", "sslclient", "-CAfile", ca, client), /: OK$/m);
  assert.equal((await describeCertificate(client))["subject"], "CN=system:node:dev-worker,O=system:nodes");
  // Certificate and key in one file.
  assert.equal(
    await openssl("pkey", "-in", client, "-pubout"),
    await openssl("x509", "-in", client, "-noout", "-pubkey"),
  );

  const server = join(folder.path, "var/lib/kubelet/pki/kubelet.crt");
  assert.match(await openssl("verify", "-purpose", "sslserver", "-CAfile", ca, server), /: OK$/m);
  assert.equal((await describeCertificate(server))["names"], "DNS:dev-worker, IP Address:10.208.0.3");

  assert.deepEqual(parse(contents(files).get("/etc/kubernetes/kubelet.conf")!), {
    apiVersion: "v1",
    clusters: [
      {
        cluster: {
          "certificate-authority-data": Buffer.from(authorities.ca.certificate).toString("base64"),
          server: "https://dev-api:6443",
        },
        name: "dev",
      },
    ],
    contexts: [{ context: { cluster: "dev", user: "system:node:dev-worker" }, name: "system:node:dev-worker@dev" }],
    "current-context": "system:node:dev-worker@dev",
    kind: "Config",
    preferences: {},
    users: [{ name: "system:node:dev-worker", user: { "client-certificate": CURRENT, "client-key": CURRENT } }],
  });
});

test("from 1.33 on a control plane's kubelet asks the API server next to it", async () => {
  const server = async (version: string, controlPlane: boolean): Promise<string> =>
    parse(contents(await make(version, controlPlane)).get("/etc/kubernetes/kubelet.conf")!).clusters[0].cluster.server;
  assert.equal(await server("v1.32.4", true), "https://dev-api:6443");
  assert.equal(await server("v1.33.0", true), "https://10.208.0.3:6443");
  assert.equal(await server("v1.33.0", false), "https://dev-api:6443");
});
