import type { Socket } from "node:net";
import { createExec, inspectExec, startExec } from "../../common/engine/api/exec.ts";
import { Demuxer } from "../../common/engine/demux.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { TextTail } from "./text-tail.ts";

/** Kept of a command's output where no more is asked for. */
const OUTPUT_BYTES_MAX = 8 * 1024;

export interface NodeCommand {
  engine: Engine;
  /** Name or id of the node's container. */
  container: string;
  command: readonly string[];
  /** The end of what it writes that is kept. */
  outputBytesMax?: number;
  signal: AbortSignal;
}

/** What a command wrote, its end where that is much. FAILED_PRECONDITION NODE_COMMAND_FAILED, with the output, unless it ends with code 0. */
export async function runInNode(options: NodeCommand): Promise<string> {
  const { engine, container, command, signal, outputBytesMax = OUTPUT_BYTES_MAX } = options;
  const body = { Cmd: [...command], AttachStdout: true, AttachStderr: true };
  const id = await createExec(engine, container, body, { signal });
  const socket = await startExec(engine, id, { tty: false }, { signal });
  const output = await readAll(socket, outputBytesMax, signal);
  const { ExitCode: code } = await inspectExec(engine, id, { signal });
  if (code === 0) return output;
  const [program = ""] = command;
  const end = output.trim().split("\n").at(-1) ?? "";
  throw failedPrecondition(
    "NODE_COMMAND_FAILED",
    `${program} in ${container} ended with code ${code}${end === "" ? "" : `: ${end}`}`,
    { container, command: command.join(" "), exitCode: String(code), output },
  );
}

async function readAll(socket: Socket, bytesMax: number, signal: AbortSignal): Promise<string> {
  const demuxer = new Demuxer();
  const tail = new TextTail(bytesMax);
  const stop = (): void => void socket.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of socket) for (const { data } of demuxer.push(chunk as Buffer)) tail.add(data);
  } finally {
    signal.removeEventListener("abort", stop);
    socket.destroy();
    signal.throwIfAborted();
  }
  return tail.text;
}
