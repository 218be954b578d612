import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { pino } from "pino";
import { cancelled, GantryError, unavailable } from "../../../../services/common/errors/errors.ts";
import { attempt, type AttemptOptions } from "../../../../services/common/jobs/attempt.ts";
import { Interrupted } from "../../../../services/common/jobs/interrupted.ts";
import { isTransient } from "../../../../services/common/jobs/transient.ts";

function options(changes: Partial<AttemptOptions> = {}): AttemptOptions {
  return {
    what: "step test",
    timeoutMs: 5_000,
    attempts: 1,
    retryable: isTransient,
    interrupt: new AbortController().signal,
    settleMs: 1_000,
    log: pino({ level: "silent" }),
    ...changes,
  };
}

const away = unavailable("AWAY", "not there");

test("a transient error is tried again with growing waits, up to the attempts", async () => {
  const at: number[] = [];
  const work = async (): Promise<void> => {
    at.push(performance.now());
    throw away;
  };
  await assert.rejects(attempt(work, options({ attempts: 4, backoffMs: 20 })), away);
  assert.equal(at.length, 4);
  const waits = at.slice(1).map((time, i) => time - at[i]!);
  for (const [i, least] of [20, 40, 80].entries()) assert.ok(waits[i]! >= least - 2, `wait ${i} was ${waits[i]} ms`);
});

test("any other error ends it at once", async () => {
  let tries = 0;
  const work = async (): Promise<void> => {
    tries += 1;
    throw new Error("wrong");
  };
  await assert.rejects(attempt(work, options({ attempts: 5 })), /wrong/);
  assert.equal(tries, 1);
});

test("a timeout aborts the signal, waits for the work and is DEADLINE_EXCEEDED", async () => {
  let settled = false;
  const work = async (signal: AbortSignal): Promise<void> => {
    await delay(10_000, undefined, { signal }).catch(() => {});
    await delay(50);
    settled = true;
    throw new Error("socket closed");
  };
  await assert.rejects(attempt(work, options({ timeoutMs: 30 })), (error: GantryError) => {
    assert.equal(error.reason, "DEADLINE_EXCEEDED");
    assert.match(error.message, /step test did not finish within 30 ms/);
    return true;
  });
  assert.equal(settled, true);
});

test("a timed out try is tried again", async () => {
  let tries = 0;
  const work = async (signal: AbortSignal): Promise<void> => {
    tries += 1;
    if (tries === 1) await delay(10_000, undefined, { signal });
  };
  await attempt(work, options({ timeoutMs: 20, attempts: 2, backoffMs: 1 }));
  assert.equal(tries, 2);
});

test("cancel ends work and waits with its reason, and is never tried again", async () => {
  const cancel = new AbortController();
  const reason = cancelled("no more");
  let tries = 0;
  const work = async (signal: AbortSignal): Promise<void> => {
    tries += 1;
    await delay(10_000, undefined, { signal });
  };
  setTimeout(() => cancel.abort(reason), 20);
  await assert.rejects(attempt(work, options({ attempts: 5, cancel: cancel.signal })), reason);
  assert.equal(tries, 1);
  await assert.rejects(attempt(work, options({ cancel: cancel.signal })), reason);
  assert.equal(tries, 1);
});

test("interruption beats every other error", async () => {
  const interrupt = new AbortController();
  const work = async (): Promise<void> => {
    interrupt.abort(new Error("lease lost"));
    throw away;
  };
  await assert.rejects(attempt(work, options({ attempts: 9, interrupt: interrupt.signal })), Interrupted);
});

test("interruption ends the wait between two tries", async () => {
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(new Error("lease lost")), 20);
  const failing = async (): Promise<void> => Promise.reject(away);
  await assert.rejects(
    attempt(failing, options({ attempts: 2, backoffMs: 60_000, interrupt: interrupt.signal })),
    Interrupted,
  );
});

test("work that ignores its signal is given up after a while", async () => {
  const begun = performance.now();
  const stuck = (): Promise<void> => new Promise(() => {});
  await assert.rejects(attempt(stuck, options({ timeoutMs: 20, settleMs: 40 })), /did not finish within 20 ms/);
  assert.ok(performance.now() - begun >= 55);
});

test("an abort after the work has ended is no longer its affair", async () => {
  const interrupt = new AbortController();
  const errors: unknown[] = [];
  const log = pino({ level: "error" }, { write: (line: string) => void errors.push(line) });
  await attempt(async () => {}, options({ interrupt: interrupt.signal, settleMs: 10, log }));
  interrupt.abort(new Error("the session is over"));
  await delay(40);
  assert.deepEqual(errors, []);
});
