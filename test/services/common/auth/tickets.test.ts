import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import type { Principal } from "../../../../services/common/auth/principal.ts";
import { Tickets } from "../../../../services/common/auth/tickets.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";

const user = (subject: string): Principal => ({
  kind: "user",
  subject,
  realmAdmin: false,
  roles: {},
  tokenId: "t",
  expiresMs: 0,
});

/** Issues to the subject until it gets no more. */
function issueAll(tickets: Tickets, subject: string): string[] {
  const issued: string[] = [];
  for (let n = 0; n < 1_000; n += 1) {
    try {
      issued.push(tickets.issue(user(subject), "token").ticket);
    } catch (error) {
      assert.ok(error instanceof GantryError);
      assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
      assert.equal(error.metadata["limit"], "TICKETS_PER_SUBJECT_MAX");
      return issued;
    }
  }
  throw new Error("there is no limit");
}

test("a ticket is good once, for whom it was given to", () => {
  const tickets = new Tickets();
  const { ticket } = tickets.issue(user("alice"), "token");
  assert.deepEqual(tickets.redeem(ticket), { principal: user("alice"), token: "token" });
  assert.throws(
    () => tickets.redeem(ticket),
    (error) => (error as GantryError).reason === "TICKET_INVALID",
  );
});

test("one user's tickets do not keep others from theirs, and count while they are open", () => {
  const tickets = new Tickets();
  const issued = issueAll(tickets, "alice");
  assert.equal(issued.length, 100);
  tickets.issue(user("bob"), "token");
  tickets.redeem(issued[7]!);
  assert.equal(issueAll(tickets, "alice").length, 1);
});

test("tickets that are too old do not count", async () => {
  const tickets = new Tickets(1_000);
  assert.equal(issueAll(tickets, "alice").length, 100);
  await delay(1_050);
  assert.equal(issueAll(tickets, "alice").length, 100);
});
