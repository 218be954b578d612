import { status as Code } from "@grpc/grpc-js";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Tickets } from "../../services/common/auth/tickets.ts";
import type { VerifyToken } from "../../services/common/auth/token.ts";
import { GantryError, unauthenticated } from "../../services/common/errors/errors.ts";
import { sendError, sendJson } from "./respond.ts";

const BEARER = /^Bearer +(\S+)$/i;

/** POST /v1/tickets with a bearer token: a single-use ticket for `hello`, for pages that must not hold the token in their script. */
export async function issueTicket(
  request: IncomingMessage,
  response: ServerResponse,
  verify: VerifyToken,
  tickets: Tickets,
): Promise<void> {
  try {
    const token = BEARER.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) throw unauthenticated("send `authorization: Bearer <token>`");
    const { ticket, ttlMs } = tickets.issue(await verify(token), token);
    sendJson(response, 200, { ticket, expiresInSeconds: ttlMs / 1000 });
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    sendError(response, error.code === Code.UNAUTHENTICATED ? 401 : 429, error);
  }
}
