import { networkInterfaces } from "node:os";
import { type CertificateOptions, createRealm, type Realm } from "../../../services/common/realm/realm.ts";
import { renewDue } from "../../../services/common/realm/renew.ts";

export const PROCESSES = ["compute", "cluster", "gateway"] as const;

export interface LocalRealm {
  realm: Realm;
  certificates: CertificateOptions[];
}

/** The realm's CA and token keys, made at the first start, and a certificate for each process. */
export async function setUpRealm(dataDir: string, host: string): Promise<LocalRealm> {
  const realm = await createRealm(dataDir);
  const certificates = PROCESSES.map((process) => ({
    process,
    host,
    // Only the gateway is spoken to from elsewhere.
    ...(process === "gateway" ? { extraNames: ownAddresses() } : {}),
  }));
  await renewDue(realm, certificates);
  return { realm, certificates };
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address);
}
