import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Logger } from "pino";
import { type ContextFile, readContexts, writeContexts } from "../../../gateway/cli/config/contexts.ts";
import { mintToken } from "../../../services/common/auth/token.ts";
import type { Realm } from "../../../services/common/realm/realm.ts";

const FIRST_NAME = "local";
const RENEW_INTERVAL_MS = 24 * 3_600_000;
const TOKEN_TTL_MS = 30 * 24 * 3_600_000;

export interface ContextTarget {
  contextFile: string;
  /** gRPC, `host:port`. */
  address: string;
  /** Base URL of HTTP and WebSocket. */
  gateway: string;
}

export interface AdminContext {
  name: string;
  /** The command uses it where none is named. */
  isCurrent: boolean;
}

/** As writeAdminContext, and from then on once a day until `signal` aborts: the token in it expires. */
export async function keepAdminContext(
  realm: Realm,
  target: ContextTarget,
  options: { signal: AbortSignal; log: Logger },
): Promise<AdminContext> {
  const context = await writeAdminContext(realm, target);
  const timer = setInterval(() => {
    writeAdminContext(realm, target).catch((err: unknown) => {
      options.log.error({ err }, "the context of the gantry command could not be renewed");
    });
  }, RENEW_INTERVAL_MS);
  options.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return context;
}

/**
 * Lets the gantry command of this user administer the realm. Other contexts stay as they are, and so does the one that is in use; where none
 * is, it is this one.
 */
export async function writeAdminContext(realm: Realm, target: ContextTarget): Promise<AdminContext> {
  const { contextFile, address, gateway } = target;
  const { token } = await mintToken(await readFile(realm.privateJwkPath, "utf8"), {
    subject: "local-admin",
    realmAdmin: true,
    ttlMs: TOKEN_TTL_MS,
  });
  const file = readContexts(contextFile);
  const name = contextName(file, realm.caPath, address);
  const current = file.contexts[file.current] ? file.current : name;
  writeContexts(contextFile, {
    current,
    contexts: { ...file.contexts, [name]: { ...file.contexts[name], address, gateway, ca: realm.caPath, token } },
  });
  return { name, isCurrent: current === name };
}

/** The one that the realm has already; else `local`, unless another realm has that. */
function contextName({ contexts }: ContextFile, caPath: string, address: string): string {
  const own = Object.keys(contexts).find((name) => contexts[name]?.ca === caPath);
  if (own !== undefined) return own;
  const names = [FIRST_NAME, `${FIRST_NAME}-${address.slice(address.lastIndexOf(":") + 1)}`, `${FIRST_NAME}-${caPath}`];
  return names.find((name) => isFree(contexts[name]?.ca))!;
}

/** A realm whose CA is gone has been removed. */
function isFree(ca: string | undefined): boolean {
  return ca === undefined || (!ca.includes("-----BEGIN") && !existsSync(ca));
}
