import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { test } from "node:test";
import { pino } from "pino";
import { followCertificate, readCertificate } from "../../../gateway/http/certificate.ts";
import { createRealm, issueCertificate } from "../../../services/common/realm/realm.ts";
import { testFolder } from "../../support/cleanup.ts";

const INTERVAL_MS = 20;

test("renewed files are used by new connections; files that do not match are not", async () => {
  await using folder = await testFolder("cert");
  const realm = await createRealm(folder.path);
  const { certPath, keyPath } = await issueCertificate(realm, { process: "web", host: "h1" });
  const first = await readCertificate(certPath, keyPath);
  const server = createServer({ cert: first.cert, key: first.key });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = followCertificate(server, { certPath, keyPath }, first, pino({ level: "silent" }), INTERVAL_MS);
  const ca = await readFile(realm.caPath);
  const { port } = server.address() as AddressInfo;
  const serial = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", ca, servername: "localhost" }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  const before = await serial();
  const other = await issueCertificate(realm, { process: "other", host: "h1" });
  const goodKey = await readFile(keyPath);
  await writeFile(keyPath, await readFile(other.keyPath));
  await assert.rejects(readCertificate(certPath, keyPath), /do not belong together/);
  assert.equal(await serial(), before);
  await writeFile(`${keyPath}.new`, goodKey);
  await rename(`${keyPath}.new`, keyPath);
  await issueCertificate(realm, { process: "web", host: "h1" });
  const deadlineMs = performance.now() + 5_000;
  while ((await serial()) === before) assert.ok(performance.now() < deadlineMs, "the renewed certificate is not used");
  stop();
  server.close();
  server.closeAllConnections();
});
