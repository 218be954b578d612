import { setTimeout as delay } from "node:timers/promises";

/** Throws when the condition has not come true in 10 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(5);
  }
}
