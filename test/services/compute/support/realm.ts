import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { mintToken, type TokenClaims } from "../../../../services/common/auth/token.ts";
import { createRealm, issueCertificate, type Realm } from "../../../../services/common/realm/realm.ts";
import { loadTls, type Tls } from "../../../../services/common/realm/tls.ts";

const TOKEN_TTL_MS = 3_600_000;

/** A realm's certificates and keys in a data folder, and what a client needs. */
export class TestRealm {
  readonly dataDir: string;
  readonly tls: Tls;
  readonly #realm: Realm;

  private constructor(dataDir: string, realm: Realm, tls: Tls) {
    this.dataDir = dataDir;
    this.#realm = realm;
    this.tls = tls;
  }

  static async create(dataDir: string, host: string): Promise<TestRealm> {
    const realm = await createRealm(dataDir);
    for (const process of ["compute", "client"]) await issueCertificate(realm, { process, host });
    return new TestRealm(dataDir, realm, loadTls({ dir: join(dataDir, "tls"), process: "client" }));
  }

  async token(claims: Partial<TokenClaims> = { realmAdmin: true }): Promise<string> {
    const jwk = await readFile(this.#realm.privateJwkPath, "utf8");
    return (await mintToken(jwk, { subject: "tester", ttlMs: TOKEN_TTL_MS, ...claims })).token;
  }
}
