import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { generateTokenKeys } from "../auth/token.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_LIFE_MS = 3_650 * DAY_MS;
const CERTIFICATE_LIFE_MS = DAY_MS;
/** A host whose clock is a little behind must not refuse a new certificate. */
const BACKDATE_MS = 60_000;
const SERIAL_BYTES = 16;

cryptoProvider.set(webcrypto);

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
    const { certificate, key } = await createCa();
    await writeAtomically(realm.caKeyPath, key, 0o600);
    await writeAtomically(realm.caPath, certificate, 0o644);
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
  const ca = new X509Certificate(await readFile(realm.caPath, "utf8"));
  const signingKey = await importKey(await readFile(realm.caKeyPath, "utf8"));
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const notBeforeMs = Date.now() - BACKDATE_MS;
  const expiresMs = Math.min(Date.now() + (options.lifeMs ?? CERTIFICATE_LIFE_MS), ca.notAfter.getTime());
  const names = new Set([
    options.process,
    options.host,
    "localhost",
    "127.0.0.1",
    "::1",
    ...(options.extraNames ?? []),
  ]);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [`${options.process}.${options.host}`] }],
    issuer: ca.subject,
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(expiresMs),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(
        [...names].map((value) => ({ type: isIp(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
      await AuthorityKeyIdentifierExtension.create(ca),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const dir = options.outDir ?? dirname(realm.caPath);
  const certPath = join(dir, `${options.process}.crt`);
  const keyPath = join(dir, `${options.process}.key`);
  await mkdir(dir, { recursive: true, mode: 0o755 });
  await writeAtomically(keyPath, await exportKey(keys.privateKey), 0o600);
  await writeAtomically(certPath, `${certificate.toString("pem")}\n`, 0o644);
  return { certPath, keyPath, notBeforeMs, expiresMs };
}

async function createCa(): Promise<{ certificate: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const spki = Buffer.from(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  const id = createHash("sha256").update(spki).digest("hex").slice(0, 12);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // Two realms on one machine must not be taken for each other in an error message.
    name: [{ CN: [`Gantry realm ${id}`] }],
    notBefore: new Date(Date.now() - BACKDATE_MS),
    notAfter: new Date(Date.now() + CA_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** Positive and without a leading zero byte, as RFC 5280 wants it. */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(SERIAL_BYTES)));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString("hex");
}

function isIp(name: string): boolean {
  return /^[0-9.]+$/.test(name) || name.includes(":");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
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
