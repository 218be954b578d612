import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { jwtVerify } from "jose";
import { createAuthorities } from "../../../../services/cluster/pki/authorities.ts";
import { serviceAccountToken } from "../../../../services/cluster/pki/service-account-token.ts";

test("a token says what the token controller's would, and is signed with the service accounts' key", async () => {
  const { serviceAccount } = await createAuthorities(new Date());
  const annotations = { "kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": "u-1" };
  const token = await serviceAccountToken(serviceAccount.key, {
    namespace: "ns",
    name: "default-token-1",
    annotations,
  });
  const { payload, protectedHeader } = await jwtVerify(token, createPublicKey(serviceAccount.publicKey));
  assert.equal(protectedHeader.alg, "ES256");
  assert.deepEqual(payload, {
    iss: "kubernetes/serviceaccount",
    sub: "system:serviceaccount:ns:default",
    "kubernetes.io/serviceaccount/namespace": "ns",
    "kubernetes.io/serviceaccount/secret.name": "default-token-1",
    "kubernetes.io/serviceaccount/service-account.name": "default",
    "kubernetes.io/serviceaccount/service-account.uid": "u-1",
  });
});
