import { createPrivateKey, hash } from "node:crypto";
import type { V1ObjectMeta } from "@kubernetes/client-node";
import { SignJWT } from "jose";
import { publicKeyOf } from "./keys.ts";

const ISSUER = "kubernetes/serviceaccount";
const CLAIM = "kubernetes.io/serviceaccount";
const ANNOTATION = "kubernetes.io/service-account";

/**
 * What a secret of type `kubernetes.io/service-account-token` holds, as the cluster's token controller would make it. `key`: PEM, of the service
 * accounts; `secret`: the secret's metadata.
 */
export function serviceAccountToken(key: string, secret: V1ObjectMeta): Promise<string> {
  const privateKey = createPrivateKey(key);
  const account = secret.annotations?.[`${ANNOTATION}.name`] ?? "";
  const claims = {
    [`${CLAIM}/namespace`]: secret.namespace,
    [`${CLAIM}/secret.name`]: secret.name,
    [`${CLAIM}/service-account.name`]: account,
    [`${CLAIM}/service-account.uid`]: secret.annotations?.[`${ANNOTATION}.uid`] ?? "",
  };
  // As the API server names its keys.
  const publicKey = publicKeyOf(privateKey).export({ type: "spki", format: "der" });
  const kid = hash("sha256", publicKey, "buffer").toString("base64url");
  const alg = privateKey.asymmetricKeyType === "rsa" ? "RS256" : "ES256";
  return new SignJWT(claims)
    .setProtectedHeader({ alg, kid })
    .setIssuer(ISSUER)
    .setSubject(`system:serviceaccount:${secret.namespace}:${account}`)
    .sign(privateKey);
}
