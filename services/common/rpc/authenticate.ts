import type { ServerUnaryCall } from "@grpc/grpc-js";
import type { Principal } from "../auth/principal.ts";
import type { VerifyToken } from "../auth/token.ts";
import { unauthenticated } from "../errors/errors.ts";

/** Set by the one address on what it forwards: address of the user. Taken from our own processes alone. */
export const PEER_KEY = "gantry-peer";

type SurfaceCall = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getAuthContext" | "getPeer">;

/**
 * A token speaks for a user; without one the client certificate speaks for the process. A token that is bad, or a call that was
 * forwarded without one, is never taken for the process that carries it.
 */
export async function authenticate(call: SurfaceCall, verify: VerifyToken): Promise<Principal> {
  const header = call.metadata.get("authorization");
  if (header.length > 0) {
    const [, token] = /^Bearer +(\S+)$/i.exec(String(header[0])) ?? [];
    if (token === undefined || header.length > 1) {
      throw unauthenticated("metadata `authorization` must be one `Bearer <token>`", "TOKEN_INVALID");
    }
    return verify(token);
  }
  if (call.metadata.get(PEER_KEY).length > 0) throw tokenMissing();
  return processOf(call) ?? raise(tokenMissing());
}

/** Address of whoever began the call. `mutualTls`: the connection is from one of our processes, whose word is taken. */
export function peerOf(call: SurfaceCall, mutualTls: boolean): string {
  const forwarded = mutualTls ? call.metadata.get(PEER_KEY)[0] : undefined;
  return typeof forwarded === "string" ? forwarded : call.getPeer();
}

/** TLS has verified the certificate against the realm's CA: its common name is `<process>.<host>`. */
function processOf(call: SurfaceCall): Principal | undefined {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const name = certificate?.subject.CN;
  if (certificate === undefined || typeof name !== "string" || name === "") return undefined;
  const expiresMs = Date.parse(certificate.valid_to);
  return { kind: "process", subject: name, realmAdmin: false, roles: {}, tokenId: "", expiresMs };
}

function tokenMissing(): Error {
  return unauthenticated("a bearer token is needed in metadata `authorization`", "TOKEN_MISSING");
}

function raise(error: Error): never {
  throw error;
}
