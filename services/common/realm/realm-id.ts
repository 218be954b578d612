import { hash, X509Certificate } from "node:crypto";

const ID_CHARS = 12;

/** Hexadecimal digits that tell an authority's key from others; in the name of its certificate, too. `spki`: the public key, as DER. */
export function keyIdOf(spki: Buffer): string {
  return hash("sha256", spki).slice(0, ID_CHARS);
}

/** Id of a realm, by its CA (PEM): the same for as long as the realm has its key, wherever its data folder is. */
export function realmIdOf(ca: string | Buffer): string {
  return keyIdOf(new X509Certificate(ca).publicKey.export({ type: "spki", format: "der" }));
}
