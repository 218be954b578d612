import { hash, type KeyObject, sign } from "node:crypto";
import { serialNumber, type Use, type Validity } from "../../common/realm/certificates.ts";
import { bitString, type Der, integer, NULL, oid, sequence, set, tagged, time, utf8String } from "./der.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  KEY_USAGE,
  keyIdentifier,
  keyUsage,
  subjectAlternativeName,
} from "./extensions.ts";
import { generateKeys, privateKeyPem, signatureOf } from "./keys.ts";

/** Clocks of nodes and clients may be that much behind; kubeadm dates back as much. */
const BACKDATE_MS = 5 * 60_000;
const DAY_MS = 24 * 3_600_000;
/** As kubeadm's: ten years and one. */
const AUTHORITY_LIFETIME_MS = 3650 * DAY_MS;
const LEAF_LIFETIME_MS = 365 * DAY_MS;
/** Base64 digits in a line of PEM. */
const PEM_LINE_CHARS = 64;

const VERSION_3 = tagged(0, integer("02"));
const COMMON_NAME = oid("2.5.4.3");
const ORGANIZATION = oid("2.5.4.10");

/** Both PEM. */
export interface Issued {
  certificate: string;
  key: string;
}

export interface Issuer {
  /** Its distinguished name, byte for byte as in its own certificate. */
  name: Der;
  keyId: Buffer;
  key: KeyObject;
}

export interface LeafOptions {
  commonName: string;
  organization?: string | undefined;
  uses: readonly Use[];
  /** DNS names and IP addresses it is valid for. */
  names?: readonly string[];
  now: Date;
}

export async function issueLeaf(
  issuer: Issuer,
  { commonName, organization, uses, names = [], now }: LeafOptions,
): Promise<Issued> {
  const { privateKey, publicKey } = await generateKeys();
  const certificate = issue(issuer, {
    subject: distinguishedName(commonName, organization),
    publicKey: encoded(publicKey),
    validity: validity(now, LEAF_LIFETIME_MS),
    extensions: [
      keyUsage(KEY_USAGE.digitalSignature | KEY_USAGE.keyEncipherment),
      extendedKeyUsage(uses),
      basicConstraints({ authority: false }),
      authorityKeyIdentifier(issuer.keyId),
      ...(names.length > 0 ? [subjectAlternativeName([...new Set(names)])] : []),
    ],
  });
  return { certificate, key: privateKeyPem(privateKey) };
}

export interface IssuedAuthority extends Issuer {
  /** PEM. */
  certificate: string;
}

/** One that has signed itself. */
export function issueAuthority(
  commonName: string,
  keys: { privateKey: KeyObject; publicKey: KeyObject },
  now: Date,
): IssuedAuthority {
  const publicKey = encoded(keys.publicKey);
  const issuer = {
    name: distinguishedName(commonName),
    keyId: hash("sha1", publicKey, "buffer"),
    key: keys.privateKey,
  };
  const certificate = issue(issuer, {
    subject: issuer.name,
    publicKey,
    validity: validity(now, AUTHORITY_LIFETIME_MS),
    extensions: [
      keyUsage(KEY_USAGE.digitalSignature | KEY_USAGE.keyEncipherment | KEY_USAGE.keyCertSign),
      basicConstraints({ authority: true }),
      keyIdentifier(issuer.keyId),
      subjectAlternativeName([commonName]),
    ],
  });
  return { ...issuer, certificate };
}

interface Content {
  subject: Der;
  /** SubjectPublicKeyInfo. */
  publicKey: Der;
  validity: Validity;
  extensions: Der[];
}

/** RFC 5280, 4.1. */
function issue(issuer: Issuer, { subject, publicKey, validity, extensions }: Content): string {
  const signature = signatureOf(issuer.key);
  if (!signature) throw new Error(`keys of type ${issuer.key.asymmetricKeyType} sign no certificates`);
  const algorithm = sequence(oid(signature.oid), ...(signature.parameters ? [NULL] : []));
  const content = sequence(
    VERSION_3,
    integer(serialNumber()),
    algorithm,
    issuer.name,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject,
    publicKey,
    tagged(3, sequence(...extensions)),
  );
  return pem(sequence(content, algorithm, bitString(sign(signature.hash, content, issuer.key))));
}

function distinguishedName(commonName: string, organization?: string): Der {
  const attribute = (type: Der, value: string): Der => set(sequence(type, utf8String(value)));
  return sequence(
    ...(organization === undefined ? [] : [attribute(ORGANIZATION, organization)]),
    attribute(COMMON_NAME, commonName),
  );
}

function validity(now: Date, lifetimeMs: number): Validity {
  return { notBefore: new Date(now.getTime() - BACKDATE_MS), notAfter: new Date(now.getTime() + lifetimeMs) };
}

function encoded(publicKey: KeyObject): Der {
  return publicKey.export({ type: "spki", format: "der" });
}

function pem(certificate: Der): string {
  const lines = certificate.toString("base64").match(new RegExp(`.{1,${PEM_LINE_CHARS}}`, "g")) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
