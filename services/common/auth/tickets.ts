import { randomBytes } from "node:crypto";
import { resourceExhausted, unauthenticated } from "../errors/errors.ts";
import type { Principal } from "./principal.ts";

const TICKET_TTL_MS = 30_000;
const TICKETS_MAX = 10_000;
/** One user, or a stolen token, must not take the tickets of all. */
const TICKETS_PER_SUBJECT_MAX = 100;
const TICKET_BYTES = 32;

interface Ticket {
  principal: Principal;
  token: string;
  endsMs: number;
}

/**
 * One-time stand-ins for a token where a browser can't send one in a header. Kept in memory: a ticket is only good at the
 * process that gave it.
 */
export class Tickets {
  readonly #open = new Map<string, Ticket>();
  /** How many of the open ones each subject has; none has no entry. */
  readonly #counts = new Map<string, number>();
  readonly #ttlMs: number;

  constructor(ttlMs: number = TICKET_TTL_MS) {
    this.#ttlMs = ttlMs;
  }

  /** RESOURCE_EXHAUSTED when too many are open, of the subject's or in all. */
  issue(principal: Principal, token: string): { ticket: string; ttlMs: number } {
    this.#dropEnded();
    if (this.#open.size >= TICKETS_MAX)
      throw resourceExhausted("TICKETS_MAX", "too many open tickets: try again in 30 s");
    const held = this.#counts.get(principal.subject) ?? 0;
    if (held >= TICKETS_PER_SUBJECT_MAX) {
      const message = `${principal.subject} has ${held} open tickets already: use them, or try again in 30 s`;
      throw resourceExhausted("TICKETS_PER_SUBJECT_MAX", message);
    }
    const ticket = randomBytes(TICKET_BYTES).toString("base64url");
    this.#counts.set(principal.subject, held + 1);
    this.#open.set(ticket, { principal, token, endsMs: performance.now() + this.#ttlMs });
    return { ticket, ttlMs: this.#ttlMs };
  }

  /** Whom it was given to, with the token that commands are forwarded with. UNAUTHENTICATED when unknown, used or too old. */
  redeem(ticket: string): { principal: Principal; token: string } {
    const found = this.#drop(ticket);
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
      this.#drop(ticket);
    }
  }

  #drop(ticket: string): Ticket | undefined {
    const found = this.#open.get(ticket);
    if (found === undefined) return undefined;
    this.#open.delete(ticket);
    const { subject } = found.principal;
    const left = (this.#counts.get(subject) ?? 1) - 1;
    if (left === 0) this.#counts.delete(subject);
    else this.#counts.set(subject, left);
    return found;
  }
}
