import "reflect-metadata";
import { randomBytes, type webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** All of an instance's keys. */
const KEY = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
/**
 * The authority is the instance's own and the server's key never leaves the instance: both live as long as it does. What is handed out to
 * people (client certificates) is short-lived.
 */
const INSTANCE_LIFETIME_MS = 20 * 365 * 24 * 3_600_000;
export const CLIENT_CERTIFICATE_LIFETIME_MS = 24 * 3_600_000;
/** Clocks of clients may be that much behind. */
const CLOCK_SKEW_MS = 5 * 60_000;

x509.cryptoProvider.set(crypto);

/** PEM. */
export interface Credentials {
  certificate: string;
  /** PKCS #8. */
  key: string;
}

export interface InstanceTls {
  ca: Credentials;
  server: Credentials;
}

/** A new authority for one instance, and the certificate of its inner engine. */
export async function issueInstanceTls(options: { uid: string; hosts: string[]; now: Date }): Promise<InstanceTls> {
  const { uid, hosts, now } = options;
  const keys = await generateKeys();
  const name = `CN=gantry instance ${uid}`;
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name,
    keys,
    signingAlgorithm: SIGNATURE,
    ...validity(now, INSTANCE_LIFETIME_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const authority = { certificate: ca.toString("pem"), key: await keyPem(keys.privateKey) };
  const server = await issue(authority, {
    subject: "CN=docker",
    usage: x509.ExtendedKeyUsage.serverAuth,
    hosts,
    now,
    lifetimeMs: INSTANCE_LIFETIME_MS,
  });
  return { ca: authority, server };
}

/** A certificate with which one caller may use the inner engine for `CLIENT_CERTIFICATE_LIFETIME_MS`. */
export function issueClient(authority: Credentials, options: { subject: string; now: Date }): Promise<Credentials> {
  return issue(authority, {
    // Only what is safe in a distinguished name.
    subject: `CN=${options.subject.replaceAll(/[^\w@.-]/g, "_").slice(0, 60) || "client"}`,
    usage: x509.ExtendedKeyUsage.clientAuth,
    hosts: [],
    now: options.now,
    lifetimeMs: CLIENT_CERTIFICATE_LIFETIME_MS,
  });
}

interface Leaf {
  subject: string;
  usage: x509.ExtendedKeyUsage;
  hosts: string[];
  now: Date;
  lifetimeMs: number;
}

async function issue(authority: Credentials, leaf: Leaf): Promise<Credentials> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await crypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(authority.key), KEY, false, [
    "sign",
  ]);
  const keys = await generateKeys();
  const names = leaf.hosts.map((host) => ({ type: isAddress(host) ? "ip" : "dns", value: host }) as const);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: leaf.subject,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNATURE,
    ...validity(leaf.now, leaf.lifetimeMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.usage]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await keyPem(keys.privateKey) };
}

function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(":");
}

function validity(now: Date, lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - CLOCK_SKEW_MS), notAfter: new Date(now.getTime() + lifetimeMs) };
}

/** Positive, as RFC 5280 asks. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x01;
  return bytes.toString("hex");
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(KEY, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
