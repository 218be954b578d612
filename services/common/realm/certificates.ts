import "reflect-metadata";
import { webcrypto } from "node:crypto";
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
import { keyIdOf } from "./realm-id.ts";

/** Of every key. */
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERIAL_BYTES = 16;

cryptoProvider.set(webcrypto);

/** PEM, without a line end behind the last line. */
export interface Credentials {
  certificate: string;
  /** PKCS #8. */
  key: string;
}

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

export type Use = "server" | "client";

const USES: Record<Use, ExtendedKeyUsage> = {
  server: ExtendedKeyUsage.serverAuth,
  client: ExtendedKeyUsage.clientAuth,
};

export interface AuthorityOptions extends Validity {
  /** `keyId`: hexadecimal digits that tell the authority's key from others. */
  commonName: (keyId: string) => string;
}

/** A new authority, which signs certificates of servers and clients and no further authority. */
export async function createAuthority({ commonName, ...validity }: AuthorityOptions): Promise<Credentials> {
  const keys = await generateKeys();
  const publicKey = Buffer.from(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serialNumber(),
    name: [{ CN: [commonName(keyIdOf(publicKey))] }],
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await keyPem(keys.privateKey) };
}

export interface LeafOptions extends Validity {
  commonName: string;
  uses: readonly Use[];
  /** DNS names and IP addresses it is valid for. */
  names: readonly string[];
}

/** A certificate of the authority, with a key of its own. */
export async function issueLeaf(authority: Credentials, options: LeafOptions): Promise<Credentials> {
  const { commonName, uses, names, ...validity } = options;
  const issuer = new X509Certificate(authority.certificate);
  const [signingKey, keys] = await Promise.all([importKey(authority.key), generateKeys()]);
  const alternatives = names.map((value) => ({ type: isAddress(value) ? ("ip" as const) : ("dns" as const), value }));
  const certificate = await X509CertificateGenerator.create({
    ...validity,
    serialNumber: serialNumber(),
    subject: [{ CN: [commonName] }],
    issuer: issuer.subject,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(uses.map((use) => USES[use])),
      ...(alternatives.length > 0 ? [new SubjectAlternativeNameExtension(alternatives)] : []),
      await AuthorityKeyIdentifierExtension.create(issuer),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await keyPem(keys.privateKey) };
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(":");
}

/** Positive and without a leading zero byte, as RFC 5280 wants it. */
export function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(SERIAL_BYTES)));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString("hex");
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);
}
