import { type ClientReadableStream, status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { UsageError } from "../exit-codes.ts";
import { streamEnd } from "./stream-end.ts";
import { unpackTar } from "./tar.ts";

interface Into {
  folder: string;
  /** The first part of every path, and what it is called here. */
  rename: [string, string] | undefined;
  /** The folder in errors. */
  called: string;
}

/** Unpacks an archive that comes in parts; the bytes received. */
export async function receiveTar(
  stream: ClientReadableStream<{ data: Uint8Array }>,
  { folder, rename, called }: Into,
  signal: AbortSignal,
): Promise<number> {
  let received = 0;
  let tar: ReturnType<typeof unpackTar> | undefined;
  stream.on("data", ({ data }: { data: Uint8Array }) => {
    // Not before there is something: a refusal is then all that is said.
    tar ??= unpackTar(folder, rename, () => stream.cancel());
    received += data.length;
    if (tar.input.write(data)) return;
    stream.pause();
    tar.input.once("drain", () => stream.resume());
  });
  try {
    await streamEnd(stream, signal);
  } catch (error) {
    // The stream was cancelled because tar had ended: tar knows why.
    const problem = await tar?.abort();
    if (problem !== undefined && error instanceof GantryError && error.code === Code.CANCELLED)
      throw new UsageError(`${called} cannot be written: ${problem}`, { cause: error });
    throw error;
  }
  const problem = await tar?.end();
  if (problem !== undefined) throw new UsageError(`${called} cannot be written: ${problem}`);
  return received;
}
