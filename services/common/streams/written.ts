import type { Writable } from "node:stream";

/** The parts of a writable stream that are needed here: streams of packages have them too. */
type Target = Pick<Writable, "write" | "destroyed"> & {
  once(event: "drain" | "close" | "error", listener: () => void): unknown;
  off(event: "drain" | "close" | "error", listener: () => void): unknown;
};

/** Resolves when the stream takes more; false when it takes nothing any more. */
export async function written(stream: Target, chunk: Uint8Array): Promise<boolean> {
  if (stream.destroyed) return false;
  if (stream.write(chunk)) return true;
  await new Promise<void>((resolve) => {
    const events = ["drain", "close", "error"] as const;
    const settle = (): void => {
      for (const event of events) stream.off(event, settle);
      resolve();
    };
    for (const event of events) stream.once(event, settle);
    if (stream.destroyed) settle();
  });
  return !stream.destroyed;
}
