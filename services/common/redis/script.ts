import { hash } from "node:crypto";
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

/** Runs a script; bulk strings of the reply are Buffers. */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: string[],
  args: ScriptArgument[],
): Promise<unknown> {
  const suffix = script.readOnly ? "_RO" : "";
  try {
    return await redis.callBuffer(`EVALSHA${suffix}`, script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return redis.callBuffer(`EVAL${suffix}`, script.source, keys.length, ...keys, ...args);
  }
}
