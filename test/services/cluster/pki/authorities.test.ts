import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  AUTHORITY_PATHS,
  authorityFiles,
  createAuthorities,
  readAuthorities,
} from "../../../../services/cluster/pki/authorities.ts";
import { controlPlaneFiles } from "../../../../services/cluster/pki/control-plane-files.ts";
import { testFolder } from "../../../support/cleanup.ts";
import { authorities, contents, controlPlaneOptions, describeCertificate, openssl, writeFiles } from "./support.ts";

test("authorities that were read back sign as those that were made", async () => {
  await using folder = await testFolder("pki");
  const files = contents(authorityFiles(authorities));
  assert.deepEqual([...files.keys()].sort(), [...AUTHORITY_PATHS].sort());
  const read = readAuthorities(files);
  assert.deepEqual(contents(authorityFiles(read)), files);

  await writeFiles(folder.path, authorityFiles(authorities));
  const leaves = await controlPlaneFiles(
    read,
    controlPlaneOptions({ nodeName: "dev-control-plane2", address: "10.208.0.3", first: false }),
  );
  await writeFiles(folder.path, leaves);
  const pki = join(folder.path, "etc/kubernetes/pki");
  assert.match(
    await openssl("verify", "-x509_strict", "-CAfile", join(pki, "ca.crt"), join(pki, "apiserver.crt")),
    /: OK$/m,
  );
  assert.match(
    await openssl("verify", "-x509_strict", "-CAfile", join(pki, "etcd/ca.crt"), join(pki, "etcd/peer.crt")),
    /: OK$/m,
  );
});

const FOREIGN: [what: string, key: string[], algorithm: string][] = [
  ["RSA, as kubeadm makes them", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "sha256WithRSAEncryption"],
  ["ECDSA P-384", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "ecdsa-with-SHA384"],
];

for (const [what, keyArguments, algorithm] of FOREIGN) {
  test(`authorities of others can be used: ${what}`, async () => {
    await using folder = await testFolder("pki");
    await writeFiles(folder.path, authorityFiles(authorities));
    const pki = join(folder.path, "etc/kubernetes/pki");
    for (const file of ["ca", "front-proxy-ca", "etcd/ca"]) {
      await openssl("genpkey", ...keyArguments, "-out", join(pki, `${file}.key`));
      // A longer name, as an authority of somebody's own has.
      const request = [
        "-x509",
        "-new",
        "-days",
        "3650",
        "-key",
        join(pki, `${file}.key`),
        "-subj",
        "/C=CH/O=Müller & Söhne/CN=clusters",
        "-addext",
        "keyUsage=critical,keyCertSign",
      ];
      await openssl("req", "-utf8", ...request, "-out", join(pki, `${file}.crt`));
    }
    const files = await Promise.all(
      AUTHORITY_PATHS.map(async (path) => [path, await readFile(join(folder.path, path), "utf8")] as const),
    );
    await writeFiles(folder.path, await controlPlaneFiles(readAuthorities(new Map(files)), controlPlaneOptions()));
    for (const [authority, leaf] of [
      ["ca", "apiserver"],
      ["front-proxy-ca", "front-proxy-client"],
      ["etcd/ca", "etcd/server"],
    ]) {
      const path = join(pki, `${leaf}.crt`);
      assert.match(await openssl("verify", "-x509_strict", "-CAfile", join(pki, `${authority}.crt`), path), /: OK$/m);
      assert.equal((await describeCertificate(path))["algorithm"], algorithm);
    }
  });
}

test("what cannot be used is told all at once, and nothing of a key is told", async () => {
  const other = contents(authorityFiles(await createAuthorities(new Date())));
  const old = contents(authorityFiles(await createAuthorities(new Date(Date.now() - 11 * 365 * 24 * 3_600_000))));
  const good = contents(authorityFiles(authorities));
  const secret = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtdG9sZA==";
  const pki = "/etc/kubernetes/pki";
  const leaf = contents(await controlPlaneFiles(authorities, controlPlaneOptions()));
  const files = new Map([
    ...good,
    [`${pki}/ca.key`, other.get(`${pki}/ca.key`)!],
    [`${pki}/front-proxy-ca.key`, `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`],
    [`${pki}/etcd/ca.crt`, "no certificate"],
  ]);
  files.delete(`${pki}/sa.key`);
  const told = (broken: Map<string, string>): string => {
    try {
      readAuthorities(broken);
    } catch (error) {
      return (error as Error).message;
    }
    return assert.fail("it was taken");
  };
  assert.equal(
    told(files),
    "the cluster's authorities cannot be used: " +
      `${pki}/ca.crt and the key beside it do not belong together; ` +
      `${pki}/front-proxy-ca.key holds no private key in PEM; ` +
      `${pki}/etcd/ca.crt holds no certificate in PEM; ${pki}/sa.key is missing`,
  );
  assert.ok(!told(files).includes(secret.slice(0, 8)));

  assert.match(
    told(new Map([...good, ...[...old].filter(([path]) => path.startsWith(`${pki}/etcd`))])),
    /etcd\/ca\.crt expired on 20/,
  );
  const notAnAuthority = new Map([
    ...good,
    [`${pki}/ca.crt`, leaf.get(`${pki}/apiserver.crt`)!],
    [`${pki}/ca.key`, leaf.get(`${pki}/apiserver.key`)!],
  ]);
  assert.match(told(notAnAuthority), /pki\/ca\.crt is no authority's certificate$/);
});

test("the service account's public key is made from the private one where its file is gone", () => {
  const files = contents(authorityFiles(authorities));
  files.delete("/etc/kubernetes/pki/sa.pub");
  assert.deepEqual(readAuthorities(files).serviceAccount, authorities.serviceAccount);
});
