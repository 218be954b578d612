/**
 * Cleans up after a test process however it ends: reads what was made from standard input, a JSON line each, and when the
 * pipe closes removes all that was not taken back. Runs as a process of its own, which no signal to the tests reaches.
 */
import { createInterface } from "node:readline";
import { remove, type Leftover } from "./leftovers.ts";

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const leftovers = new Map<number, Leftover>();
const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const message = JSON.parse(line) as { id: number; made?: Leftover };
  if (message.made) leftovers.set(message.id, message.made);
  else leftovers.delete(message.id);
}
// Last made, first removed: an engine's processes come after its folder.
for (const leftover of [...leftovers.values()].toReversed()) {
  await remove(leftover).catch((error: unknown) => {
    process.stderr.write(`test reaper: ${JSON.stringify(leftover)}: ${String(error)}\n`);
  });
}
