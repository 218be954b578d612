import "reflect-metadata";
import { hash, type KeyObject, X509Certificate as NodeCertificate } from "node:crypto";
import { SubjectKeyIdentifierExtension, X509Certificate } from "@peculiar/x509";
import type { Der } from "./der.ts";
import { publicKeyOf } from "./keys.ts";

/** What an issuer's leaves need of its certificate. Refused: what is no authority's, what belongs to another key, what has expired. */
export function readAuthorityCertificate(
  pem: string,
  of: { path: string; key: KeyObject },
): { name: Der; keyId: Buffer } {
  const { path, key } = of;
  const certificate = parse(pem, path);
  if (!certificate.ca) throw new Error(`${path} is no authority's certificate`);
  if (!certificate.checkPrivateKey(key)) throw new Error(`${path} and the key beside it do not belong together`);
  if (certificate.validToDate.getTime() < Date.now())
    throw new Error(`${path} expired on ${certificate.validToDate.toISOString()}`);
  const parsed = new X509Certificate(certificate.raw);
  const stated = parsed.getExtension(SubjectKeyIdentifierExtension)?.keyId;
  return {
    name: Buffer.from(parsed.subjectName.toArrayBuffer()),
    keyId:
      stated === undefined
        ? hash("sha1", publicKeyOf(key).export({ type: "spki", format: "der" }), "buffer")
        : Buffer.from(stated, "hex"),
  };
}

function parse(pem: string, path: string): NodeCertificate {
  try {
    return new NodeCertificate(pem);
  } catch (error) {
    throw new Error(`${path} holds no certificate in PEM`, { cause: error });
  }
}
