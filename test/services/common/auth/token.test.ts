import assert from "node:assert/strict";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, mock, test } from "node:test";
import { importJWK, type JWK, SignJWT, UnsecuredJWT } from "jose";
import {
  createTokenVerifier,
  generateTokenKeys,
  mintToken,
  type TokenKeyPair,
} from "../../../../services/common/auth/token.ts";
import { Tickets } from "../../../../services/common/auth/tickets.ts";

let dir: string;
let keysPath: string;
let keys: TokenKeyPair;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gantry-token-"));
  keysPath = join(dir, "public.jwk");
  keys = await generateTokenKeys();
  await writeFile(keysPath, keys.publicJwks);
});
after(() => rm(dir, { recursive: true }));

const mint = async (
  claims: Partial<Parameters<typeof mintToken>[1]> = {},
  privateJwk = keys.privateJwk,
): Promise<string> => (await mintToken(privateJwk, { subject: "ann", ttlMs: 60_000, ...claims })).token;

test("a token tells who, what and until when", async () => {
  const verify = await createTokenVerifier({ keysPath });
  const minted = await mintToken(keys.privateJwk, {
    subject: "ann",
    roles: { p: "editor" },
    realmAdmin: true,
    ttlMs: 60_000,
  });
  const principal = await verify(minted.token);
  assert.deepEqual(
    { ...principal, roles: { ...principal.roles } },
    {
      kind: "user",
      subject: "ann",
      realmAdmin: true,
      roles: { p: "editor" },
      tokenId: minted.tokenId,
      expiresMs: minted.expiresMs,
    },
  );
  assert.equal(await verify(minted.token), principal, "known for a moment");
});

test("what is refused", async () => {
  const verify = await createTokenVerifier({ keysPath });
  const key = await importJWK(JSON.parse(keys.privateJwk) as JWK, "ES256");
  const { kid } = JSON.parse(keys.privateJwk) as JWK;
  const sign = (change: (jwt: SignJWT) => SignJWT, claims = {}): Promise<string> =>
    change(
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: kid as string })
        .setIssuer("gantry")
        .setAudience("gantry")
        .setSubject("ann")
        .setJti("1")
        .setExpirationTime("1m"),
    ).sign(key);
  assert.equal((await verify(await sign((jwt) => jwt))).subject, "ann");
  const foreign = await generateTokenKeys();
  const good = await mint();
  const [head, body, signature] = good.split(".");
  const cases: Record<string, [string, string]> = {
    expired: [await mint({ ttlMs: -31_000 }), "TOKEN_EXPIRED"],
    "another realm's key": [await mint({}, foreign.privateJwk), "TOKEN_INVALID"],
    "another key under our key's id": [
      await mint({}, JSON.stringify({ ...JSON.parse(foreign.privateJwk), kid })),
      "TOKEN_INVALID",
    ],
    "another issuer": [await sign((jwt) => jwt.setIssuer("else")), "TOKEN_INVALID"],
    "another audience": [await sign((jwt) => jwt.setAudience("else")), "TOKEN_INVALID"],
    "no expiry": [
      await new SignJWT({})
        .setProtectedHeader({ alg: "ES256", kid: kid as string })
        .setIssuer("gantry")
        .setAudience("gantry")
        .setSubject("a")
        .setJti("1")
        .sign(key),
      "TOKEN_INVALID",
    ],
    "not yet good": [await sign((jwt) => jwt.setNotBefore("2m")), "TOKEN_INVALID"],
    "roles of another type": [await sign((jwt) => jwt, { roles: "admin" }), "TOKEN_INVALID"],
    "no signature at all": [
      new UnsecuredJWT({})
        .setIssuer("gantry")
        .setAudience("gantry")
        .setSubject("a")
        .setJti("1")
        .setExpirationTime("1m")
        .encode(),
      "TOKEN_INVALID",
    ],
    "changed body": [
      `${head}.${Buffer.from(
        Buffer.from(body ?? "", "base64url")
          .toString()
          .replace("ann", "eve"),
      ).toString("base64url")}.${signature}`,
      "TOKEN_INVALID",
    ],
    rubbish: ["x", "TOKEN_INVALID"],
    "too long": ["x".repeat(10_000), "TOKEN_INVALID"],
  };
  for (const [name, [token, reason]] of Object.entries(cases)) {
    await assert.rejects(verify(token), { code: 16, reason }, name);
  }
});

test("clocks may differ by 30 s", async () => {
  const verify = await createTokenVerifier({ keysPath });
  assert.equal((await verify(await mint({ ttlMs: -20_000 }))).subject, "ann");
});

test("a token that was good ends in time, though it is remembered", async () => {
  const verify = await createTokenVerifier({ keysPath });
  const token = await mint({ ttlMs: 60_000 });
  await verify(token);
  mock.timers.enable({ apis: ["Date"], now: Date.now() + 91_000 });
  try {
    await assert.rejects(verify(token), { reason: "TOKEN_EXPIRED" });
  } finally {
    mock.timers.reset();
  }
});

test("an unknown role gives nothing", async () => {
  const verify = await createTokenVerifier({ keysPath });
  const principal = await verify(await mint({ roles: { p: "owner" as "admin", q: "viewer" } }));
  assert.deepEqual({ ...principal.roles }, { q: "viewer" });
});

test("a new key in the file is found without a restart", async () => {
  const path = join(dir, "rotating.jwk");
  await writeFile(path, keys.publicJwks);
  await utimes(path, 1, 1);
  const verify = await createTokenVerifier({ keysPath: path });
  const next = await generateTokenKeys();
  const token = await mint({}, next.privateJwk);
  await assert.rejects(verify(token), { reason: "TOKEN_INVALID" });
  const both = [keys, next].flatMap(({ publicJwks }) => (JSON.parse(publicJwks) as { keys: JWK[] }).keys);
  await writeFile(path, JSON.stringify({ keys: both }));
  mock.timers.enable({ apis: ["Date"], now: Date.now() + 6_000 });
  try {
    assert.equal((await verify(token)).subject, "ann");
    assert.equal((await verify(await mint())).subject, "ann");
  } finally {
    mock.timers.reset();
  }
});

test("a ticket is good once, for its time", async () => {
  const tickets = new Tickets(50);
  const principal = { kind: "user" as const, subject: "ann", realmAdmin: false, roles: {}, tokenId: "", expiresMs: 0 };
  const { ticket } = tickets.issue(principal, "token");
  assert.deepEqual(tickets.redeem(ticket), { principal, token: "token" });
  assert.throws(() => tickets.redeem(ticket), { reason: "TICKET_INVALID" });
  assert.throws(() => tickets.redeem("guess"), { reason: "TICKET_INVALID" });
  const late = tickets.issue(principal, "token");
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.throws(() => tickets.redeem(late.ticket), { reason: "TICKET_INVALID" });
});
