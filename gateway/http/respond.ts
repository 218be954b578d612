import type { ServerResponse } from "node:http";
import type { GantryError } from "../../services/common/errors/errors.ts";
import { statusJson } from "../ws/error-frame.ts";

export function sendText(response: ServerResponse, status: number, type: string, body: string): void {
  response
    .writeHead(status, {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    })
    .end(body);
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  sendText(response, status, "application/json", `${JSON.stringify(body)}\n`);
}

export function sendError(response: ServerResponse, status: number, error: GantryError): void {
  sendJson(response, status, { error: statusJson(error) });
}
