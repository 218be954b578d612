import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "pino";
import { type CertificateOptions, issueCertificate, type Realm } from "./realm.ts";

/** A certificate is renewed when this part of its life is over. */
const RENEW_AT = 2 / 3;
const CHECK_INTERVAL_MS = 60_000;

/** Issues each certificate that is missing, of another CA, or past two thirds of its life; returns the names of those processes. */
export async function renewDue(realm: Realm, wanted: readonly CertificateOptions[]): Promise<string[]> {
  const ca = new X509Certificate(await readFile(realm.caPath));
  const renewed: string[] = [];
  for (const options of wanted) {
    if (!(await isDue(ca, join(options.outDir ?? dirname(realm.caPath), `${options.process}.crt`)))) continue;
    await issueCertificate(realm, options);
    renewed.push(options.process);
  }
  return renewed;
}

/** Keeps the certificates renewed until `signal` aborts. A failure is logged and tried again at the next check. */
export function keepRenewed(
  realm: Realm,
  wanted: readonly CertificateOptions[],
  options: { signal: AbortSignal; log: Logger; checkIntervalMs?: number },
): void {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    renewDue(realm, wanted)
      .then((renewed) => {
        if (renewed.length > 0) options.log.info({ processes: renewed }, "certificates renewed");
      })
      .catch((error: unknown) => options.log.error({ err: error }, "certificates could not be renewed"))
      .finally(() => {
        running = false;
      });
  }, options.checkIntervalMs ?? CHECK_INTERVAL_MS);
  options.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  if (options.signal.aborted) clearInterval(timer);
}

async function isDue(ca: X509Certificate, path: string): Promise<boolean> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(await readFile(path));
  } catch {
    // Missing or damaged: a new one is the cure for both.
    return true;
  }
  const startMs = certificate.validFromDate.getTime();
  const lifeMs = certificate.validToDate.getTime() - startMs;
  return !certificate.verify(ca.publicKey) || Date.now() >= startMs + lifeMs * RENEW_AT;
}
