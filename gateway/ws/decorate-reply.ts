import type { Session } from "./session.ts";

/** Methods whose answer is an operation. */
const OPERATION_METHODS = new Set([
  "google.longrunning.Operations/GetOperation",
  "google.longrunning.Operations/WaitOperation",
]);

/**
 * Read your own writes: of an operation that is done, where the caller's mirror shows it. The answer waits, for a limited time, until the
 * mirror has got there, so that its delta is on its way before.
 */
export async function decorateReply(
  session: Session,
  method: string,
  body: unknown,
): Promise<{ m: string; e: string; s: number } | undefined> {
  const operation = body as { name?: unknown; done?: unknown } | null;
  if (!OPERATION_METHODS.has(method.replace(/^\//, "")) || operation?.done !== true) return undefined;
  const name = operation.name;
  if (typeof name !== "string" || session.subscriptions.length === 0) return undefined;
  const { catalog, limits } = session.server;
  if (!(await catalog.whenDone(name, limits.appliedTimeoutMs)) || !session.open) return undefined;
  for (const { channel } of session.subscriptions) {
    channel.flush();
    const s = channel.mirror.lastChange(name);
    if (s !== undefined) return { m: channel.mirror.name, e: channel.mirror.epoch, s };
  }
  return undefined;
}
