import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Logger } from "pino";
import { mintToken } from "../../../services/common/auth/token.ts";
import { type CertificateOptions, createRealm, type Realm } from "../../../services/common/realm/realm.ts";
import { renewDue } from "../../../services/common/realm/renew.ts";
import { readContexts, writeContexts } from "../../../gateway/cli/config/contexts.ts";

export const PROCESSES = ["compute", "cluster", "gateway"] as const;
const CONTEXT_NAME = "local";
const CONTEXT_RENEW_INTERVAL_MS = 24 * 3_600_000;
const ADMIN_TOKEN_TTL_MS = 30 * 24 * 3_600_000;

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

export interface ContextTarget {
  contextFile: string;
  /** gRPC, `host:port`. */
  address: string;
  /** Base URL of HTTP and WebSocket. */
  gateway: string;
}

/** As writeAdminContext, now and once a day until `signal` aborts: the token in it expires. */
export async function keepAdminContext(
  realm: Realm,
  target: ContextTarget,
  options: { signal: AbortSignal; log: Logger },
): Promise<void> {
  await writeAdminContext(realm, target);
  const timer = setInterval(() => {
    writeAdminContext(realm, target).catch((err: unknown) => {
      options.log.error({ err }, "the context of the gantry command could not be renewed");
    });
  }, CONTEXT_RENEW_INTERVAL_MS);
  options.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** Lets the gantry command of this user administer the realm. Other contexts stay as they are. */
export async function writeAdminContext(realm: Realm, { contextFile, address, gateway }: ContextTarget): Promise<void> {
  const { token } = await mintToken(await readFile(realm.privateJwkPath, "utf8"), {
    subject: "local-admin",
    realmAdmin: true,
    ttlMs: ADMIN_TOKEN_TTL_MS,
  });
  const { contexts } = readContexts(contextFile);
  const known = contexts[CONTEXT_NAME];
  writeContexts(contextFile, {
    current: CONTEXT_NAME,
    contexts: { ...contexts, [CONTEXT_NAME]: { ...known, address, gateway, ca: realm.caPath, token } },
  });
}
