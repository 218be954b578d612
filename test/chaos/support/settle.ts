import { setTimeout as delay } from "node:timers/promises";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";

/** What a caller sees while something is down; the same call may be sent again. */
const PASSING: ReadonlySet<number> = new Set([Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED]);
const PAUSE_MS = 100;

export function isPassing(error: unknown): boolean {
  return error instanceof GantryError && PASSING.has(error.code);
}

/** Sends a call until it is answered; any answer but "not now" is final. The call must be one that may be repeated. */
export async function answered<T>(send: () => Promise<T>, withinMs = 30_000): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!isPassing(error) || performance.now() > endMs) throw error;
    }
    await delay(PAUSE_MS);
  }
}

/** As `answered`, where an earlier try may have done it already: that code is then the good answer. */
export async function done(send: () => Promise<unknown>, already: Code, withinMs = 30_000): Promise<void> {
  let tries = 0;
  await answered(async () => {
    tries++;
    try {
      await send();
    } catch (error) {
      if (!(tries > 1 && error instanceof GantryError && error.code === already)) throw error;
    }
  }, withinMs);
}
