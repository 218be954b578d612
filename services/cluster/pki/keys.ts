import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);

export interface KeyPair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** ECDSA P-256: made in a fraction of a millisecond, where one of RSA takes longer than all of a cluster's together. */
export function generateKeys(): Promise<KeyPair> {
  return generate("ec", { namedCurve: "P-256" });
}

/** As kubeadm writes keys: `EC PRIVATE KEY` or `RSA PRIVATE KEY`. */
export function privateKeyPem(key: KeyObject): string {
  const type = key.asymmetricKeyType === "rsa" ? "pkcs1" : "sec1";
  return key.export({ type, format: "pem" }).toString();
}

export function publicKeyPem(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}

export function publicKeyOf(privateKey: KeyObject): KeyObject {
  return createPublicKey(privateKey);
}

/** How a key signs certificates. */
export interface Signature {
  hash: "sha256" | "sha384" | "sha512";
  /** Object identifier of the signature's algorithm. */
  oid: string;
  /** Whether the algorithm has (empty) parameters. */
  parameters: boolean;
}

const RSA: Signature = { hash: "sha256", oid: "1.2.840.113549.1.1.11", parameters: true };

const ECDSA: Record<string, Signature> = {
  prime256v1: { hash: "sha256", oid: "1.2.840.10045.4.3.2", parameters: false },
  secp384r1: { hash: "sha384", oid: "1.2.840.10045.4.3.3", parameters: false },
  secp521r1: { hash: "sha512", oid: "1.2.840.10045.4.3.4", parameters: false },
};

/** `undefined`: it signs none. */
export function signatureOf(key: KeyObject): Signature | undefined {
  return key.asymmetricKeyType === "rsa" ? RSA : ECDSA[key.asymmetricKeyDetails?.namedCurve ?? ""];
}

/** `name` stands in the error's text, which holds nothing of the key. */
export function readPrivateKey(pem: string, name: string): KeyObject {
  const key = parsePrivateKey(pem);
  if (!key) throw new Error(`${name} holds no private key in PEM`);
  if (!signatureOf(key)) throw new Error(`${name}: only RSA keys and ECDSA keys on P-256, P-384 or P-521 can be used`);
  return key;
}

function parsePrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // What the parser says is not passed on: it may quote what it was given.
    return undefined;
  }
}
