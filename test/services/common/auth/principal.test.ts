import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import {
  type Access,
  authorize,
  isAuthorized,
  type Principal,
  visibleProjects,
} from "../../../../services/common/auth/principal.ts";

const base: Principal = { kind: "user", subject: "ann", realmAdmin: false, roles: {}, tokenId: "t", expiresMs: 0 };
const principals: Record<string, Principal> = {
  none: base,
  viewer: { ...base, roles: { p: "viewer" } },
  editor: { ...base, roles: { p: "editor" } },
  admin: { ...base, roles: { p: "admin" } },
  realm: { ...base, realmAdmin: true },
  process: { ...base, kind: "process", subject: "gateway.h1" },
};
const accesses: Record<string, Access> = {
  "viewer of p": { role: "viewer", project: "p" },
  "editor of p": { role: "editor", project: "p" },
  "admin of p": { role: "admin", project: "p" },
  "viewer of q": { role: "viewer", project: "q" },
  "editor of q": { role: "editor", project: "q" },
  "viewer of realm": { role: "viewer" },
  "editor of realm": { role: "editor" },
  "realm-admin": { role: "realm-admin" },
  "realm-admin, read": { role: "realm-admin", read: true },
  "viewer of p, change": { role: "viewer", project: "p", read: false },
  "viewer of constructor": { role: "viewer", project: "constructor" },
};
/** One column per principal, in the order above. */
const table: Record<string, string> = {
  "viewer of p": "-++++ +",
  "editor of p": "--+++ -",
  "admin of p": "---++ -",
  "viewer of q": "----+ +",
  "editor of q": "----+ -",
  "viewer of realm": "+++++ +",
  "editor of realm": "----+ -",
  "realm-admin": "----+ -",
  "realm-admin, read": "----+ +",
  "viewer of p, change": "-++++ -",
  "viewer of constructor": "----+ +",
};

for (const [name, access] of Object.entries(accesses)) {
  test(`who may: ${name}`, () => {
    const row = (table[name] ?? "").replace(" ", "");
    const got = Object.values(principals).map((principal) => (isAuthorized(principal, access) ? "+" : "-"));
    assert.equal(got.join(""), row);
    for (const principal of Object.values(principals)) {
      if (isAuthorized(principal, access)) authorize(principal, access);
      else
        assert.throws(() => authorize(principal, access), {
          code: Code.PERMISSION_DENIED,
          reason: "PERMISSION_DENIED",
        });
    }
  });
}

test("visible projects", () => {
  assert.deepEqual(visibleProjects({ ...base, roles: { a: "viewer", b: "admin" } }), new Set(["a", "b"]));
  assert.equal(visibleProjects(principals["realm"] as Principal), "all");
  assert.equal(visibleProjects(principals["process"] as Principal), "all");
});
