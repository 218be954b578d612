import type { Engine } from "../../common/engine/engine.ts";
import { internal } from "../../common/errors/errors.ts";
import { exec, type ExecInput } from "../../common/streams/exec.ts";

export interface PlainCommand {
  engine: Engine;
  /** Id of a container that runs. */
  container: string;
  command: string[];
  /** Its standard input; without it there is none. */
  input?: AsyncIterable<Uint8Array>;
}

export type Take = (stream: "stdout" | "stderr", data: Buffer) => Promise<void>;

/** Runs a command of ours in a container, as root and without a terminal; its exit code. Output is read no faster than it is taken. */
export function runPlain(
  { engine, container, command, input }: PlainCommand,
  take: Take,
  signal: AbortSignal,
): Promise<number> {
  const options = { env: {}, tty: false, size: undefined, user: "", workingDir: "", stdin: input !== undefined };
  return exec(
    engine,
    { ...options, container, command },
    asInput(input),
    async (part) => {
      if (part.type === "data") await take(part.stream, part.data);
    },
    signal,
  );
}

/** The whole standard output of a command. INTERNAL when it fails, or writes more than `bytesMax`. */
export async function collect(plain: PlainCommand, bytesMax: number, signal: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const program = plain.command[0];
  const take: Take = async (stream, data) => {
    if (stream !== "stdout") return;
    bytes += data.length;
    if (bytes > bytesMax) throw internal("OUTPUT_TOO_LONG", `${program} wrote more than ${bytesMax} bytes`);
    parts.push(data);
  };
  const code = await runPlain(plain, take, signal);
  if (code !== 0) throw internal("NODE_COMMAND_FAILED", `${program} ended with code ${code}`);
  return Buffer.concat(parts).toString("utf8");
}

async function* asInput(input: AsyncIterable<Uint8Array> | undefined): AsyncGenerator<ExecInput> {
  if (input === undefined) return;
  for await (const data of input) yield { type: "data", data };
}
