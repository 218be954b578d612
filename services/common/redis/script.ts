import { hash } from "node:crypto";
import type { Socket } from "node:net";
import type { Redis } from "ioredis";

export type ScriptArgument = string | number | Buffer;

/** A Lua script, sent whole only when Redis does not know it (first use, restart of Redis). */
export interface Script {
  readonly source: string;
  readonly sha: string;
  readonly readOnly: boolean;
}

export interface ScriptOptions {
  /** It must not write. */
  readOnly?: boolean;
  /** It may write when Redis has reached `maxmemory`: for what frees memory, or keeps Gantry whole. */
  whenFull?: boolean;
}

export function defineScript(lua: string, options: ScriptOptions = {}): Script {
  const source = options.whenFull ? `#!lua flags=allow-oom\n${lua}` : lua;
  return { source, sha: hash("sha1", source), readOnly: options.readOnly ?? false };
}

/**
 * Commands that are sent in one turn of the event loop leave in one system call: for many small writes at a time that is a tenth of
 * the processor's work. `stream` is ioredis's socket; where there is none yet the command is refused by ioredis itself.
 */
function coalesce(redis: Redis): void {
  const socket = redis.stream as Socket | undefined;
  if (socket === undefined || socket.writableCorked > 0) return;
  socket.cork();
  process.nextTick(() => socket.uncork());
}

/** Runs a script; bulk strings of the reply are Buffers. */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: string[],
  args: ScriptArgument[],
): Promise<unknown> {
  coalesce(redis);
  const suffix = script.readOnly ? "_RO" : "";
  try {
    return await redis.callBuffer(`EVALSHA${suffix}`, script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return redis.callBuffer(`EVAL${suffix}`, script.source, keys.length, ...keys, ...args);
  }
}
