import { X509Certificate } from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { generateTokenKeys } from "../auth/token.ts";
import { createAuthority, issueLeaf } from "./certificates.ts";

const DAY_MS = 86_400_000;
const CA_LIFE_MS = 3_650 * DAY_MS;
const CERTIFICATE_LIFE_MS = DAY_MS;
/** A host whose clock is a little behind must not refuse a new certificate. */
const BACKDATE_MS = 60_000;

export interface Realm {
  caPath: string;
  caKeyPath: string;
  privateJwkPath: string;
  publicJwkPath: string;
}

/**
 * Makes what a realm needs once, under `dir`: tls/ca.crt, tls/ca.key, token/private.jwk, token/public.jwk (keys 0600). What is
 * there already stays as it is.
 */
export async function createRealm(dir: string): Promise<Realm> {
  const realm = {
    caPath: join(dir, "tls", "ca.crt"),
    caKeyPath: join(dir, "tls", "ca.key"),
    privateJwkPath: join(dir, "token", "private.jwk"),
    publicJwkPath: join(dir, "token", "public.jwk"),
  };
  await mkdir(dirname(realm.caPath), { recursive: true, mode: 0o755 });
  await mkdir(dirname(realm.publicJwkPath), { recursive: true, mode: 0o755 });
  // The public half is written last: it alone says that the pair is whole.
  if (!(await exists(realm.caPath))) {
    const { certificate, key } = await createAuthority({
      // Two realms on one machine must not be taken for each other in an error message.
      commonName: (keyId) => `Gantry realm ${keyId}`,
      notBefore: new Date(Date.now() - BACKDATE_MS),
      notAfter: new Date(Date.now() + CA_LIFE_MS),
    });
    await writeAtomically(realm.caKeyPath, `${key}\n`, 0o600);
    await writeAtomically(realm.caPath, `${certificate}\n`, 0o644);
  }
  if (!(await exists(realm.publicJwkPath))) {
    const { privateJwk, publicJwks } = await generateTokenKeys();
    await writeAtomically(realm.privateJwkPath, privateJwk, 0o600);
    await writeAtomically(realm.publicJwkPath, publicJwks, 0o644);
  }
  return realm;
}

export interface CertificateOptions {
  /** For example `compute`. */
  process: string;
  /** Host id. */
  host: string;
  /** Default: 24 h. */
  lifeMs?: number;
  /** More DNS names or IP addresses that the process is reached by. */
  extraNames?: readonly string[];
  /** Folder to write `<process>.crt` and `<process>.key` to; default: the CA's own. */
  outDir?: string;
}

export interface IssuedCertificate {
  certPath: string;
  keyPath: string;
  notBeforeMs: number;
  expiresMs: number;
}

/** Issues a certificate for client and server use, with a key of its own, and puts both in place of the old ones. */
export async function issueCertificate(realm: Realm, options: CertificateOptions): Promise<IssuedCertificate> {
  const ca = await readFile(realm.caPath, "utf8");
  const authority = { certificate: ca, key: await readFile(realm.caKeyPath, "utf8") };
  const { process: name, host, lifeMs = CERTIFICATE_LIFE_MS, extraNames = [] } = options;
  const notBeforeMs = Date.now() - BACKDATE_MS;
  const expiresMs = Math.min(Date.now() + lifeMs, new X509Certificate(ca).validToDate.getTime());
  const { certificate, key } = await issueLeaf(authority, {
    commonName: `${name}.${host}`,
    uses: ["server", "client"],
    names: [...new Set([name, host, "localhost", "127.0.0.1", "::1", ...extraNames])],
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(expiresMs),
  });
  const dir = options.outDir ?? dirname(realm.caPath);
  const certPath = join(dir, `${name}.crt`);
  const keyPath = join(dir, `${name}.key`);
  await mkdir(dir, { recursive: true, mode: 0o755 });
  await writeAtomically(keyPath, `${key}\n`, 0o600);
  await writeAtomically(certPath, `${certificate}\n`, 0o644);
  return { certPath, keyPath, notBeforeMs, expiresMs };
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function writeAtomically(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, "w", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  // `open` leaves the mode of a file that was there already, and takes the umask off.
  await chmod(temporary, mode);
  await rename(temporary, path);
}
