import { unavailable } from "../../common/errors/errors.ts";
import { run } from "../../common/process/run.ts";

const TIMEOUT_MS = 10_000;

export interface KernelCommand {
  file: string;
  args: readonly string[];
  signal: AbortSignal;
  /** Given to the command's standard input. */
  input?: string;
}

/** What it is about, for errors: `the kernel's part of the API address`, API_ADDRESS_UNAVAILABLE. */
export interface KernelTask {
  what: string;
  reason: string;
}

/** What a command that changes or reads the host's kernel writes. UNAVAILABLE with its own words where it fails. */
export async function kernelCommand(task: KernelTask, { file, args, signal, input }: KernelCommand): Promise<string> {
  try {
    const options = { timeoutMs: TIMEOUT_MS, signal, ...(input === undefined ? {} : { input }) };
    return (await run(file, args, options)).stdout;
  } catch (error) {
    signal.throwIfAborted();
    const text = `${task.what} was not done: ${[file, ...args].join(" ")}: ${(error as Error).message}`;
    throw unavailable(task.reason, text, error);
  }
}

/** A table of IPv4 rules as it is; undefined where there is none. */
export async function readTable(task: KernelTask, table: string, signal: AbortSignal): Promise<string | undefined> {
  const tables = await kernelCommand(task, { file: "nft", args: ["list", "tables", "ip"], signal });
  if (!tables.split("\n").includes(`table ip ${table}`)) return undefined;
  return kernelCommand(task, { file: "nft", args: ["--stateless", "list", "table", "ip", table], signal });
}

/** Carries out a whole script of rules, or nothing of it. */
export async function applyRules(task: KernelTask, rules: string, signal: AbortSignal): Promise<void> {
  await kernelCommand(task, { file: "nft", args: ["-f", "-"], signal, input: rules });
}

/** Of chains for destinations: before what the engine does with the host's own addresses, so that a port that it publishes takes nothing away. */
export const DESTINATION_PRIORITY = -110;
/** Of chains for sources, for the same reason. */
export const SOURCE_PRIORITY = 90;

/** Also where there is no such table: deleting alone needs it to be there. */
export function tableRemoval(table: string): string {
  return `table ip ${table}\ndelete table ip ${table}\n`;
}
