import { randomInt } from "node:crypto";
import { portProblem } from "../../deploy/local/machine/ports.ts";

/** Below the range that the kernel gives to outgoing connections, so that a port stays free while its server restarts. */
const FIRST = 20_000;
const LAST = 32_000;
const TRIES_MAX = 100;

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; tries < TRIES_MAX && ports.size < count; tries++) {
    const port = randomInt(FIRST, LAST);
    if ((await portProblem("127.0.0.1", port)) === undefined) ports.add(port);
  }
  if (ports.size < count) throw new Error(`no ${count} free ports from ${FIRST} to ${LAST}`);
  return [...ports];
}
