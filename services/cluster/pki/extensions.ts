import { isIPv4, isIPv6 } from "node:net";
import type { Use } from "../../common/realm/certificates.ts";
import { bitString, type Der, octetString, oid, retagged, sequence, TRUE } from "./der.ts";

/** Extensions of certificates: RFC 5280, 4.2.1. */
export const KEY_USAGE = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04 } as const;

const USES: Record<Use, Der> = { server: oid("1.3.6.1.5.5.7.3.1"), client: oid("1.3.6.1.5.5.7.3.2") };

const OID = {
  keyIdentifier: oid("2.5.29.14"),
  keyUsage: oid("2.5.29.15"),
  subjectAlternativeName: oid("2.5.29.17"),
  basicConstraints: oid("2.5.29.19"),
  authorityKeyIdentifier: oid("2.5.29.35"),
  extendedKeyUsage: oid("2.5.29.37"),
} as const;

/** Which kind of name: RFC 5280, 4.2.1.6. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

export function keyUsage(flags: number): Der {
  // DER has no zero bits at the end.
  const unusedBits = 31 - Math.clz32(flags & -flags);
  return extension(OID.keyUsage, bitString(Buffer.from([flags]), unusedBits), { critical: true });
}

export function extendedKeyUsage(uses: readonly Use[]): Der {
  return extension(OID.extendedKeyUsage, sequence(...uses.map((use) => USES[use])));
}

export function basicConstraints({ authority }: { authority: boolean }): Der {
  return extension(OID.basicConstraints, sequence(...(authority ? [TRUE] : [])), { critical: true });
}

export function keyIdentifier(keyId: Buffer): Der {
  return extension(OID.keyIdentifier, octetString(keyId));
}

export function authorityKeyIdentifier(keyId: Buffer): Der {
  return extension(OID.authorityKeyIdentifier, sequence(retagged(0, keyId)));
}

/** DNS names and IP addresses. */
export function subjectAlternativeName(names: readonly string[]): Der {
  return extension(OID.subjectAlternativeName, sequence(...names.map(alternativeName)));
}

function alternativeName(name: string): Der {
  if (isIPv4(name)) return retagged(IP_ADDRESS, Buffer.from(name.split(".").map(Number)));
  if (isIPv6(name)) return retagged(IP_ADDRESS, ipv6Bytes(name));
  return retagged(DNS_NAME, Buffer.from(name, "ascii"));
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes every address in its shortest form, IPv4 at the end included, so that only `::` is left to fill.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string): string[] => text.split(":").filter((group) => group !== "");
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

function extension(id: Der, value: Der, { critical = false } = {}): Der {
  return sequence(id, ...(critical ? [TRUE] : []), octetString(value));
}
