import { Metadata } from "@grpc/grpc-js";
import { unauthenticated } from "../../services/common/errors/errors.ts";
import { PEER_KEY } from "../../services/common/rpc/authenticate.ts";
import type { CommandOptions } from "./io.ts";

/** The call is the user's, never the gateway's own: without a token it is refused, and the peer's address marks it as forwarded. */
export function callMetadata({ token, peer }: Pick<CommandOptions, "token" | "peer">): Metadata {
  const bearer = token();
  if (bearer === "") throw unauthenticated("no token was given", "TOKEN_MISSING");
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${bearer}`);
  metadata.set(PEER_KEY, peer ?? "websocket");
  return metadata;
}
