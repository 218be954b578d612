import { createHash, randomUUID } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import { unauthenticated } from "../errors/errors.ts";
import { isProjectRole, type Principal, type ProjectRole } from "./principal.ts";

const ISSUER = "gantry";
const AUDIENCE = "gantry";
const ALGORITHM = "ES256";
/** Clocks of two hosts may differ by this much. */
export const CLOCK_LEEWAY_S = 30;
const TOKEN_CHARS_MAX = 8_192;
const CACHED_TOKENS_MAX = 4_096;
/** A token of an unknown key makes the key file be read again, at most this often. */
const KEYS_RELOAD_INTERVAL_MS = 5_000;

export interface TokenKeyPair {
  /** Content of private.jwk: whoever has it is the realm. */
  privateJwk: string;
  /** Content of public.jwk, a JWK set. */
  publicJwks: string;
}

export async function generateTokenKeys(): Promise<TokenKeyPair> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  const common = { kid, alg: ALGORITHM, use: "sig" };
  return {
    privateJwk: JSON.stringify({ ...(await exportJWK(privateKey)), ...common }),
    publicJwks: JSON.stringify({ keys: [{ ...publicJwk, ...common }] }),
  };
}

export interface TokenClaims {
  subject: string;
  roles?: Record<string, ProjectRole>;
  realmAdmin?: boolean;
  ttlMs: number;
  /** Default: random. */
  tokenId?: string;
}

export interface MintedToken {
  token: string;
  tokenId: string;
  expiresMs: number;
}

/** `privateJwk` is the content of the realm's private.jwk. */
export async function mintToken(privateJwk: string, claims: TokenClaims): Promise<MintedToken> {
  const jwk = JSON.parse(privateJwk) as JWK;
  const key = await importJWK(jwk, ALGORITHM);
  const tokenId = claims.tokenId ?? randomUUID();
  const nowS = Math.floor(Date.now() / 1000);
  const expiresS = nowS + Math.ceil(claims.ttlMs / 1000);
  const token = await new SignJWT({
    roles: claims.roles ?? {},
    ...(claims.realmAdmin ? { realm: "admin" } : {}),
  })
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(claims.subject)
    .setJti(tokenId)
    .setIssuedAt(nowS)
    .setExpirationTime(expiresS)
    .sign(key);
  return { token, tokenId, expiresMs: expiresS * 1000 };
}

/** Throws UNAUTHENTICATED with reason TOKEN_INVALID or TOKEN_EXPIRED. */
export type VerifyToken = (token: string) => Promise<Principal>;

export interface TokenVerifierOptions {
  /** Path of the public.jwk file (one JWK or a set). Read again when a token names a key it has not. */
  keysPath: string;
}

/** Reads the keys at once, so that a missing file shows at start. */
export async function createTokenVerifier(options: TokenVerifierOptions): Promise<VerifyToken> {
  let keys = await readKeys(options.keysPath);
  let readAtMs = Date.now();
  let modifiedMs = (await stat(options.keysPath)).mtimeMs;
  // Verifying costs about 0.2 ms; most calls come with a token seen a moment ago.
  const cache = new Map<string, Principal>();

  async function reloadKeys(): Promise<boolean> {
    if (Date.now() - readAtMs < KEYS_RELOAD_INTERVAL_MS) return false;
    readAtMs = Date.now();
    const { mtimeMs } = await stat(options.keysPath);
    if (mtimeMs === modifiedMs) return false;
    keys = await readKeys(options.keysPath);
    modifiedMs = mtimeMs;
    cache.clear();
    return true;
  }

  async function check(token: string): Promise<Principal> {
    try {
      return await verifyWith(keys, token);
    } catch (error) {
      if (errorCode(error) !== "ERR_JWKS_NO_MATCHING_KEY" || !(await reloadKeys())) throw error;
      return verifyWith(keys, token);
    }
  }

  return async (token) => {
    if (token.length > TOKEN_CHARS_MAX) throw unauthenticated("the token is too long", "TOKEN_INVALID");
    const cacheKey = createHash("sha256").update(token).digest("base64");
    let principal = cache.get(cacheKey);
    if (principal === undefined) {
      principal = await check(token).catch((error: unknown) => {
        if (errorCode(error) === "ERR_JWT_EXPIRED") throw unauthenticated("the token has expired", "TOKEN_EXPIRED");
        throw unauthenticated("the token is not valid in this realm", "TOKEN_INVALID");
      });
      if (cache.size >= CACHED_TOKENS_MAX) cache.delete(cache.keys().next().value as string);
      cache.set(cacheKey, principal);
    }
    if (principal.expiresMs + CLOCK_LEEWAY_S * 1000 <= Date.now()) {
      cache.delete(cacheKey);
      throw unauthenticated("the token has expired", "TOKEN_EXPIRED");
    }
    return principal;
  };
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

async function readKeys(path: string): Promise<KeySet> {
  const content = JSON.parse(await readFile(path, "utf8")) as JWK | { keys: JWK[] };
  return createLocalJWKSet("keys" in content ? (content as { keys: JWK[] }) : { keys: [content as JWK] });
}

async function verifyWith(keys: KeySet, token: string): Promise<Principal> {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience: AUDIENCE,
    clockTolerance: CLOCK_LEEWAY_S,
    requiredClaims: ["exp", "sub", "jti"],
  });
  const claimed = payload["roles"] ?? {};
  if (typeof claimed !== "object") throw new Error("roles is not an object");
  const roles: Record<string, ProjectRole> = Object.create(null) as Record<string, ProjectRole>;
  // A role this version does not know gives nothing, rather than making the token useless.
  for (const [project, role] of Object.entries(claimed)) if (isProjectRole(role)) roles[project] = role;
  return {
    kind: "user",
    subject: payload.sub as string,
    realmAdmin: payload["realm"] === "admin",
    roles,
    tokenId: payload.jti as string,
    expiresMs: (payload.exp as number) * 1000,
  };
}

function errorCode(error: unknown): unknown {
  return error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
}
