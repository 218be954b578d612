import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createRealm, issueCertificate } from "../../../../services/common/realm/realm.ts";
import { realmIdOf } from "../../../../services/common/realm/realm-id.ts";
import { renewDue } from "../../../../services/common/realm/renew.ts";
import { loadTls } from "../../../../services/common/realm/tls.ts";

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "gantry-realm-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

test("a realm is made once, its keys are for the owner alone", async (t) => {
  const dir = await folder(t);
  const realm = await createRealm(dir);
  const read = (): Promise<string[]> => Promise.all(Object.values(realm).map((path: string) => readFile(path, "utf8")));
  const first = await read();
  for (const path of [realm.caKeyPath, realm.privateJwkPath])
    assert.equal((await stat(path)).mode & 0o777, 0o600, path);
  assert.deepEqual(await createRealm(dir), realm);
  assert.deepEqual(await read(), first);
  const ca = new X509Certificate(await readFile(realm.caPath));
  assert.ok(ca.ca);
  assert.ok(ca.verify(ca.publicKey));
  const id = realmIdOf(await readFile(realm.caPath));
  assert.equal(ca.subject, `CN=Gantry realm ${id}`);
  assert.equal(realmIdOf(await readFile(realm.caPath, "utf8")), id);
  assert.notEqual(realmIdOf(await readFile((await createRealm(await folder(t))).caPath)), id);
});

test("a certificate names process and host, for client and server", async (t) => {
  const realm = await createRealm(await folder(t));
  const issued = await issueCertificate(realm, {
    process: "compute",
    host: "rack1-07",
    extraNames: ["10.1.2.3", "c.example.org"],
  });
  const certificate = new X509Certificate(await readFile(issued.certPath));
  assert.equal(certificate.subject, "CN=compute.rack1-07");
  for (const name of ["compute", "rack1-07", "localhost", "c.example.org"])
    assert.ok(certificate.checkHost(name), name);
  for (const ip of ["127.0.0.1", "::1", "10.1.2.3"]) assert.ok(certificate.checkIP(ip), ip);
  assert.equal(certificate.checkHost("gateway"), undefined);
  // In Node's types keyUsage holds the extended usages.
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  assert.ok(!certificate.ca);
  const lifeMs = certificate.validToDate.getTime() - Date.now();
  assert.ok(lifeMs > 86_390_000 && lifeMs <= 86_400_000);
  assert.equal((await stat(issued.keyPath)).mode & 0o777, 0o600);
  assert.deepEqual(
    (await readdir(join(issued.certPath, ".."))).filter((name) => name.endsWith(".new")),
    [],
  );
});

test("renewal at two thirds of the life, when missing, damaged, or of another CA", async (t) => {
  const dir = await folder(t);
  const realm = await createRealm(dir);
  const options = { process: "compute", host: "h1" };
  assert.deepEqual(await renewDue(realm, [options]), ["compute"]);
  assert.deepEqual(await renewDue(realm, [options]), []);
  // A minute of the past, so that of three minutes more than two thirds are still to come; of one minute fewer.
  await issueCertificate(realm, { ...options, lifeMs: 180_000 });
  assert.deepEqual(await renewDue(realm, [options]), []);
  await issueCertificate(realm, { ...options, lifeMs: 20_000 });
  assert.deepEqual(await renewDue(realm, [options]), ["compute"]);
  await writeFile(join(dir, "tls", "compute.crt"), "damaged");
  assert.deepEqual(await renewDue(realm, [options]), ["compute"]);
  const other = await createRealm(join(dir, "other"));
  await issueCertificate(other, { ...options, outDir: join(dir, "tls") });
  assert.deepEqual(await renewDue(realm, [options]), ["compute"]);
});

test("files that don't belong together are refused at the start", async (t) => {
  const dir = await folder(t);
  const realm = await createRealm(dir);
  const tlsDir = join(dir, "tls");
  assert.throws(() => loadTls({ dir: tlsDir, process: "compute" }), { code: "ENOENT" });
  await issueCertificate(realm, { process: "compute", host: "h1" });
  loadTls({ dir: tlsDir, process: "compute" }).close();
  const key = await readFile(join(tlsDir, "compute.key"));
  await issueCertificate(realm, { process: "compute", host: "h1" });
  await writeFile(join(tlsDir, "compute.key"), key);
  assert.throws(() => loadTls({ dir: tlsDir, process: "compute" }), /do not belong together/);
  const other = await createRealm(join(dir, "other"));
  await issueCertificate(other, { process: "compute", host: "h1", outDir: tlsDir });
  assert.throws(() => loadTls({ dir: tlsDir, process: "compute" }), /not of this realm/);
});
