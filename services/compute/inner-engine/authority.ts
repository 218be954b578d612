import { createAuthority, type Credentials, issueLeaf, type Validity } from "../../common/realm/certificates.ts";

/**
 * The authority is the instance's own and the server's key never leaves the instance: both live as long as it does. What is handed out to
 * people (client certificates) is short-lived.
 */
const INSTANCE_LIFETIME_MS = 20 * 365 * 24 * 3_600_000;
export const CLIENT_CERTIFICATE_LIFETIME_MS = 24 * 3_600_000;
/** Clocks of clients may be that much behind. */
const CLOCK_SKEW_MS = 5 * 60_000;

export type { Credentials };

export interface InstanceTls {
  ca: Credentials;
  server: Credentials;
}

/** A new authority for one instance, and the certificate of its inner engine. */
export async function issueInstanceTls(options: { uid: string; hosts: string[]; now: Date }): Promise<InstanceTls> {
  const { uid, hosts, now } = options;
  const lifetime = validity(now, INSTANCE_LIFETIME_MS);
  const ca = await createAuthority({ commonName: () => `gantry instance ${uid}`, ...lifetime });
  const server = await issueLeaf(ca, { commonName: "docker", uses: ["server"], names: hosts, ...lifetime });
  return { ca, server };
}

/** A certificate with which one caller may use the inner engine for `CLIENT_CERTIFICATE_LIFETIME_MS`. */
export function issueClient(authority: Credentials, options: { subject: string; now: Date }): Promise<Credentials> {
  return issueLeaf(authority, {
    // Only what is safe in a distinguished name.
    commonName: options.subject.replaceAll(/[^\w@.-]/g, "_").slice(0, 60) || "client",
    uses: ["client"],
    names: [],
    ...validity(options.now, CLIENT_CERTIFICATE_LIFETIME_MS),
  });
}

function validity(now: Date, lifetimeMs: number): Validity {
  return { notBefore: new Date(now.getTime() - CLOCK_SKEW_MS), notAfter: new Date(now.getTime() + lifetimeMs) };
}
