import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Server } from "node:https";
import type { Logger } from "pino";

/** How often the files are looked at. */
const RELOAD_INTERVAL_MS = 10_000;

export interface Certificate {
  cert: Buffer;
  key: Buffer;
}

/** Throws when a file is missing or the two do not belong together. */
export async function readCertificate(certPath: string, keyPath: string): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certPath), readFile(keyPath)]);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`${certPath} and ${keyPath} do not belong together`);
  }
  return { cert, key };
}

/** Gives the server renewed files, for new connections; returns the way to stop. */
export function followCertificate(
  server: Server,
  paths: { certPath: string; keyPath: string },
  first: Certificate,
  log: Logger,
  intervalMs = RELOAD_INTERVAL_MS,
): () => void {
  let current = first;
  const reload = async (): Promise<void> => {
    try {
      const found = await readCertificate(paths.certPath, paths.keyPath);
      if (found.cert.equals(current.cert) && found.key.equals(current.key)) return;
      server.setSecureContext(found);
      current = found;
      log.info("certificate of the HTTP address renewed");
    } catch (err) {
      // Between two renames the files don't match: the next look finds them whole.
      log.warn({ err }, "the HTTP certificate could not be read anew; the old one stays in use");
    }
  };
  const timer = setInterval(() => void reload(), intervalMs);
  return () => clearInterval(timer);
}
