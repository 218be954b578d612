import { randomBytes } from "node:crypto";
import { resourceExhausted, unauthenticated } from "../errors/errors.ts";
import type { Principal } from "./principal.ts";

const TICKET_TTL_MS = 30_000;
const TICKETS_MAX = 10_000;
const TICKET_BYTES = 32;

/**
 * One-time stand-ins for a token where a browser can't send one in a header. Kept in memory: a ticket is only good at the
 * process that gave it.
 */
export class Tickets {
  readonly #open = new Map<string, { principal: Principal; token: string; endsMs: number }>();
  readonly #ttlMs: number;

  constructor(ttlMs: number = TICKET_TTL_MS) {
    this.#ttlMs = ttlMs;
  }

  /** RESOURCE_EXHAUSTED when too many are open. */
  issue(principal: Principal, token: string): { ticket: string; ttlMs: number } {
    this.#dropEnded();
    if (this.#open.size >= TICKETS_MAX)
      throw resourceExhausted("TICKETS_MAX", "too many open tickets: try again in 30 s");
    const ticket = randomBytes(TICKET_BYTES).toString("base64url");
    this.#open.set(ticket, { principal, token, endsMs: performance.now() + this.#ttlMs });
    return { ticket, ttlMs: this.#ttlMs };
  }

  /** Whom it was given to, with the token that commands are forwarded with. UNAUTHENTICATED when unknown, used or too old. */
  redeem(ticket: string): { principal: Principal; token: string } {
    const found = this.#open.get(ticket);
    this.#open.delete(ticket);
    if (found === undefined || found.endsMs <= performance.now()) {
      throw unauthenticated("the ticket is unknown, used or too old", "TICKET_INVALID");
    }
    return { principal: found.principal, token: found.token };
  }

  /** In order of issue, all with the same life: the first that is good ends the search. */
  #dropEnded(): void {
    const now = performance.now();
    for (const [ticket, { endsMs }] of this.#open) {
      if (endsMs > now) return;
      this.#open.delete(ticket);
    }
  }
}
