import type { Socket } from "node:net";
import { PassThrough, type Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { createExec, inspectExec, resizeExec, startExec } from "../engine/api/exec.ts";
import { Demuxer } from "../engine/demux.ts";
import type { Engine } from "../engine/engine.ts";
import { isEngineNotFound } from "../engine/errors.ts";
import { deadlineExceeded, failedPrecondition, internal } from "../errors/errors.ts";
import { killSession } from "./kill-session.ts";
import { readBeginning } from "./start-message.ts";
import { written } from "./written.ts";

export interface ExecOptions {
  container: string;
  command: string[];
  env: Record<string, string>;
  tty: boolean;
  size: TerminalSize | undefined;
  user: string;
  workingDir: string;
  stdin: boolean;
}

export interface TerminalSize {
  rows: number;
  columns: number;
}

export type ExecInput = { type: "data"; data: Uint8Array } | { type: "end" } | { type: "resize"; size: TerminalSize };

export type ExecOutput = { type: "started"; id: string } | { type: "data"; stream: "stdout" | "stderr"; data: Buffer };

/** Between the engine's answer and the command's first moment: a busy machine takes its time. */
const START_TIMEOUT_MS = 60_000;
/** Between the end of the output and the engine's word on the exit code. */
const EXIT_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 10;
/** Ctrl-D. */
const END_OF_TRANSMISSION = Buffer.from([4]);

/**
 * Runs a command in a container to its end and returns its exit code. Input is taken no faster than the command reads it, output is read
 * no faster than `output` takes it. When `signal` aborts, the command and what it started in its session are killed.
 */
export async function exec(
  engine: Engine,
  options: ExecOptions,
  input: AsyncIterable<ExecInput>,
  output: (part: ExecOutput) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  const id = await createExec(engine, options.container, execBody(options), { signal });
  const size = options.size;
  const start = { tty: options.tty, ...(size ? { consoleSize: [size.rows, size.columns] as [number, number] } : {}) };
  const socket = await startExec(engine, id, start, { signal });
  const received = keepReceived(socket);
  let finished = false;
  try {
    const beginning = (await hasStarted(engine, id, signal)) ? undefined : await readBeginning(received, options.tty);
    if (beginning?.message !== undefined) throw startError(beginning.message);
    await output({ type: "started", id });
    if (!options.stdin && !options.tty) socket.end();
    const inputDone = new AbortController();
    const feeding = feed(engine, id, socket, input, options, inputDone.signal);
    await Promise.race([read(beginning?.data, received, options.tty, output), failure(feeding)]);
    inputDone.abort();
    signal.throwIfAborted();
    const code = await exitCode(engine, id, signal);
    finished = true;
    return code;
  } finally {
    socket.destroy();
    if (!finished) await killExec(engine, id);
  }
}

function execBody(options: ExecOptions): Omit<Docker.ExecCreateOptions, "abortSignal"> {
  return {
    AttachStdin: options.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: options.tty,
    Cmd: options.command,
    Env: Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
    User: options.user,
    WorkingDir: options.workingDir,
  };
}

/** Waits until the command runs (true; also when it has ended since), or the engine says that it has failed to start (false). */
async function hasStarted(engine: Engine, id: string, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const { Pid, Running, ExitCode } = await inspectExec(engine, id, { signal });
    if (Pid > 0) return true;
    if (!Running && ExitCode !== null) return false;
    if (performance.now() > deadline) {
      throw deadlineExceeded(`the engine did not start the command within ${START_TIMEOUT_MS} ms`);
    }
    await delay(POLL_INTERVAL_MS, undefined, { signal });
  }
}

async function read(
  first: Buffer | undefined,
  received: Readable,
  tty: boolean,
  output: (part: ExecOutput) => Promise<void>,
): Promise<void> {
  const demuxer = new Demuxer();
  const give = async (chunk: Buffer): Promise<void> => {
    const parts = tty ? [{ stream: "stdout" as const, data: chunk }] : demuxer.push(chunk);
    for (const { stream, data } of parts) await output({ type: "data", stream, data });
  };
  if (first) await give(first);
  for await (const chunk of received) await give(chunk as Buffer);
}

/** Gives the client's input to the command until the client or the command ends. */
async function feed(
  engine: Engine,
  id: string,
  socket: Socket,
  input: AsyncIterable<ExecInput>,
  options: ExecOptions,
  done: AbortSignal,
): Promise<void> {
  for await (const part of input) {
    if (done.aborted) return;
    if (part.type === "resize") {
      if (options.tty) await resize(engine, id, part.size, done);
    } else if (part.type === "end") {
      endInput(socket, options);
    } else if (!socket.writableEnded) {
      await written(socket, part.data);
    }
  }
  endInput(socket, options);
}

/**
 * A terminal has no end of input but a key that says so; and the engine ends the output of a terminal together with the connection's input.
 */
function endInput(socket: Socket, options: ExecOptions): void {
  if (socket.writableEnded) return;
  if (!options.tty) socket.end();
  else if (options.stdin) socket.write(END_OF_TRANSMISSION);
}

/** A terminal that is gone already needs no size. */
async function resize(engine: Engine, id: string, size: TerminalSize, done: AbortSignal): Promise<void> {
  try {
    await resizeExec(engine, id, size, { signal: done });
  } catch (error) {
    if (done.aborted || isEngineNotFound(error)) return;
    const { Running } = await inspectExec(engine, id, { signal: done });
    if (Running) throw error;
  }
}

/**
 * What the connection receives, to its end however it ends. A command that ends without reading all its input either makes our writes fail,
 * which destroys the socket and with it what it has received: here that is kept. Or the engine ends its side and reads no more: with writes
 * that wait, the socket itself would never close.
 */
function keepReceived(socket: Socket): Readable {
  const received = new PassThrough();
  socket.on("data", (chunk: Buffer) => {
    if (!received.write(chunk)) socket.pause();
  });
  received.on("drain", () => socket.resume());
  const end = (): void => {
    if (!received.writableEnded) received.end();
  };
  socket.once("end", end);
  socket.once("close", end);
  return received;
}

/** Rejects when `work` does; never resolves. */
function failure(work: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    work.catch(reject);
  });
}

function startError(message: string): Error {
  const detail = message.replace(/^OCI runtime exec failed: exec failed: unable to start container process: /, "");
  const said = detail === "" ? "the engine does not say why" : detail;
  return failedPrecondition("COMMAND_NOT_STARTED", `the command could not be started: ${said}`);
}

async function exitCode(engine: Engine, id: string, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + EXIT_TIMEOUT_MS;
  for (;;) {
    const { Running, ExitCode } = await inspectExec(engine, id, { signal });
    if (!Running && ExitCode !== null) return ExitCode;
    if (performance.now() > deadline) {
      throw internal(
        "EXEC_WITHOUT_EXIT",
        "the command's output ended, but the engine does not say how the command did",
      );
    }
    await delay(POLL_INTERVAL_MS, undefined, { signal });
  }
}

/** The engine has no way to end an exec: its processes are ended from outside, where they can be seen. */
async function killExec(engine: Engine, id: string): Promise<void> {
  const { Running, Pid, ContainerID } = await inspectExec(engine, id, { timeoutMs: EXIT_TIMEOUT_MS });
  if (Running && Pid > 0) await killSession(Pid, ContainerID);
}
