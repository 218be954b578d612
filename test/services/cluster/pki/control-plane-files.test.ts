import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { controlPlaneFiles } from "../../../../services/cluster/pki/control-plane-files.ts";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";
import { testFolder } from "../../../support/cleanup.ts";
import {
  authorities,
  contents,
  controlPlaneOptions,
  describeCertificate,
  lifetimeDays,
  openssl,
  writeFiles,
} from "./support.ts";

const LEAF = { usage: "Digital Signature, Key Encipherment", constraints: "CA:FALSE", algorithm: "ecdsa-with-SHA256" };
const SERVER = "TLS Web Server Authentication";
const CLIENT = "TLS Web Client Authentication";
const BOTH = `${SERVER}, ${CLIENT}`;
const ETCD_NAMES =
  "DNS:dev-control-plane, DNS:localhost, IP Address:10.208.0.2, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1";
const API_NAMES = [
  "DNS:dev-control-plane, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc",
  "DNS:kubernetes.default.svc.cluster.local, IP Address:10.96.0.1, IP Address:10.208.0.2, DNS:dev-api, DNS:localhost",
  "IP Address:127.0.0.1",
].join(", ");

/** What `kubeadm init` of 1.31 writes below /etc/kubernetes/pki. */
const CERTIFICATES: [file: string, authority: string, expected: Record<string, string>][] = [
  [
    "apiserver",
    "ca",
    { issuer: "CN=kubernetes", subject: "CN=kube-apiserver", extendedUsage: SERVER, names: API_NAMES },
  ],
  [
    "apiserver-kubelet-client",
    "ca",
    {
      issuer: "CN=kubernetes",
      subject: "CN=kube-apiserver-kubelet-client,O=kubeadm:cluster-admins",
      extendedUsage: CLIENT,
      names: "",
    },
  ],
  [
    "front-proxy-client",
    "front-proxy-ca",
    { issuer: "CN=front-proxy-ca", subject: "CN=front-proxy-client", extendedUsage: CLIENT, names: "" },
  ],
  [
    "etcd/server",
    "etcd/ca",
    { issuer: "CN=etcd-ca", subject: "CN=dev-control-plane", extendedUsage: BOTH, names: ETCD_NAMES },
  ],
  [
    "etcd/peer",
    "etcd/ca",
    { issuer: "CN=etcd-ca", subject: "CN=dev-control-plane", extendedUsage: BOTH, names: ETCD_NAMES },
  ],
  [
    "etcd/healthcheck-client",
    "etcd/ca",
    { issuer: "CN=etcd-ca", subject: "CN=kube-etcd-healthcheck-client", extendedUsage: CLIENT, names: "" },
  ],
  [
    "apiserver-etcd-client",
    "etcd/ca",
    { issuer: "CN=etcd-ca", subject: "CN=kube-apiserver-etcd-client", extendedUsage: CLIENT, names: "" },
  ],
];

const AUTHORITIES = ["ca", "front-proxy-ca", "etcd/ca"];

test("the certificates of a control plane are kubeadm's, file by file", async () => {
  await using folder = await testFolder("pki");
  const files = await controlPlaneFiles(authorities, controlPlaneOptions());
  await writeFiles(folder.path, files);
  const pki = join(folder.path, "etc/kubernetes/pki");

  const expected = [
    ...[...AUTHORITIES, ...CERTIFICATES.map(([file]) => file)].flatMap((file) => [
      `pki/${file}.crt`,
      `pki/${file}.key`,
    ]),
    "pki/sa.key",
    "pki/sa.pub",
    "admin.conf",
    "super-admin.conf",
    "controller-manager.conf",
    "scheduler.conf",
  ];
  assert.deepEqual(files.map(({ path }) => path).sort(), expected.map((file) => `/etc/kubernetes/${file}`).sort());
  for (const file of files)
    assert.equal("mode" in file && file.mode, file.path.endsWith(".crt") ? 0o644 : 0o600, file.path);

  for (const [file, authority, says] of CERTIFICATES) {
    const path = join(pki, `${file}.crt`);
    assert.deepEqual(await describeCertificate(path), { ...LEAF, ...says }, file);
    assert.match(
      await openssl("verify", "-x509_strict", "-CAfile", join(pki, `${authority}.crt`), path),
      /: OK$/m,
      file,
    );
    assert.equal(await lifetimeDays(path), 365, file);
    assert.equal(
      await publicKeyOfKey(join(pki, `${file}.key`)),
      await openssl("x509", "-in", path, "-noout", "-pubkey"),
      file,
    );
  }
});

test("authorities last ten years, sign certificates and nothing else signs for them", async () => {
  await using folder = await testFolder("pki");
  await writeFiles(folder.path, await controlPlaneFiles(authorities, controlPlaneOptions()));
  const pki = join(folder.path, "etc/kubernetes/pki");
  const names = { ca: "kubernetes", "front-proxy-ca": "front-proxy-ca", "etcd/ca": "etcd-ca" };
  for (const [file, name] of Object.entries(names)) {
    const path = join(pki, `${file}.crt`);
    assert.deepEqual(await describeCertificate(path), {
      issuer: `CN=${name}`,
      subject: `CN=${name}`,
      usage: "Digital Signature, Key Encipherment, Certificate Sign",
      extendedUsage: "",
      names: `DNS:${name}`,
      constraints: "CA:TRUE",
      algorithm: "ecdsa-with-SHA256",
    });
    assert.equal(await lifetimeDays(path), 3650);
  }
  await assert.rejects(openssl("verify", "-CAfile", join(pki, "etcd/ca.crt"), join(pki, "apiserver.crt")));
  assert.equal(
    await publicKeyOfKey(join(pki, "sa.key")),
    contents(await controlPlaneFiles(authorities, controlPlaneOptions())).get("/etc/kubernetes/pki/sa.pub"),
  );
});

function publicKeyOfKey(path: string): Promise<string> {
  return openssl("pkey", "-in", path, "-pubout");
}

const KUBECONFIGS: [version: string, first: boolean, expected: Record<string, [server: string, subject: string]>][] = [
  [
    "v1.31.0",
    true,
    {
      admin: ["https://dev-api:6443", "CN=kubernetes-admin,O=kubeadm:cluster-admins"],
      "super-admin": ["https://dev-api:6443", "CN=kubernetes-super-admin,O=system:masters"],
      "controller-manager": ["https://10.208.0.2:6443", "CN=system:kube-controller-manager"],
      scheduler: ["https://10.208.0.2:6443", "CN=system:kube-scheduler"],
    },
  ],
  [
    "v1.31.0",
    false,
    {
      admin: ["https://dev-api:6443", "CN=kubernetes-admin,O=kubeadm:cluster-admins"],
      "controller-manager": ["https://10.208.0.2:6443", "CN=system:kube-controller-manager"],
      scheduler: ["https://10.208.0.2:6443", "CN=system:kube-scheduler"],
    },
  ],
  [
    "v1.20.2",
    true,
    {
      admin: ["https://dev-api:6443", "CN=kubernetes-admin,O=system:masters"],
      "controller-manager": ["https://10.208.0.2:6443", "CN=system:kube-controller-manager"],
      scheduler: ["https://10.208.0.2:6443", "CN=system:kube-scheduler"],
    },
  ],
  [
    "v1.18.20",
    true,
    {
      admin: ["https://dev-api:6443", "CN=kubernetes-admin,O=system:masters"],
      "controller-manager": ["https://dev-api:6443", "CN=system:kube-controller-manager"],
      scheduler: ["https://dev-api:6443", "CN=system:kube-scheduler"],
    },
  ],
];

for (const [version, first, expected] of KUBECONFIGS) {
  test(`kubeconfigs of ${version} on ${first ? "the first" : "another"} control plane`, async () => {
    await using folder = await testFolder("pki");
    const files = await controlPlaneFiles(
      authorities,
      controlPlaneOptions({ version: parseKubernetesVersion(version)!, first }),
    );
    const found: Record<string, [string, string]> = {};
    for (const [path, content] of contents(files)) {
      const name = /^\/etc\/kubernetes\/([a-z-]+)\.conf$/.exec(path)?.[1];
      if (name === undefined) continue;
      const config = parse(content);
      const [{ name: user, user: credentials }] = config.users;
      const [{ cluster }] = config.clusters;
      assert.equal(config["current-context"], `${user}@dev`);
      assert.deepEqual(config.contexts, [{ context: { cluster: "dev", user }, name: `${user}@dev` }]);
      await writeFiles(folder.path, [
        { path: "/ca.crt", mode: 0o600, content: decode(cluster["certificate-authority-data"]) },
        { path: "/client.crt", mode: 0o600, content: decode(credentials["client-certificate-data"]) },
        { path: "/client.key", mode: 0o600, content: decode(credentials["client-key-data"]) },
      ]);
      const [ca, certificate, key] = ["ca.crt", "client.crt", "client.key"].map((file) => join(folder.path, file));
      assert.match(await openssl("verify", "-purpose", "sslclient", "-CAfile", ca!, certificate!), /: OK$/m);
      assert.equal(await publicKeyOfKey(key!), await openssl("x509", "-in", certificate!, "-noout", "-pubkey"));
      found[name] = [cluster.server, (await describeCertificate(certificate!))["subject"]!];
    }
    assert.deepEqual(found, expected);
  });
}

test("before 1.29 clients of etcd and of the kubelets are in the group of masters", async () => {
  await using folder = await testFolder("pki");
  await writeFiles(
    folder.path,
    await controlPlaneFiles(authorities, controlPlaneOptions({ version: parseKubernetesVersion("v1.28.9")! })),
  );
  for (const file of ["apiserver-kubelet-client", "apiserver-etcd-client", "etcd/healthcheck-client"]) {
    const { subject } = await describeCertificate(join(folder.path, "etc/kubernetes/pki", `${file}.crt`));
    assert.match(subject!, /,O=system:masters$/, file);
  }
});

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}
