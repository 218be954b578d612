import type { Violations } from "./violations.ts";

/** The protos' comments state these: change both. */
const ENTRIES_MAX = 256;
const COMMAND_BYTES_MAX = 128 * 1024;
const ENV_BYTES_MAX = 128 * 1024;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NAME_SHOWN_LENGTH_MAX = 80;

/** Words of a command line. */
export function checkWords(found: Violations, words: readonly string[], path: string): void {
  const bytes = sizeOf(words);
  found.check(words.length <= ENTRIES_MAX, path, `has ${words.length} entries; at most ${ENTRIES_MAX}`);
  found.check(bytes <= COMMAND_BYTES_MAX, path, `has ${bytes} bytes in all; at most ${COMMAND_BYTES_MAX}`);
  for (const [i, word] of words.slice(0, ENTRIES_MAX).entries()) {
    found.check(!word.includes("\0"), `${path}[${i}]`, "has a NUL byte");
  }
}

export function checkEnv(found: Violations, env: Readonly<Record<string, string>>, path: string): void {
  const entries = Object.entries(env);
  const few = entries.length <= ENTRIES_MAX;
  if (!found.check(few, path, `has ${entries.length} entries; at most ${ENTRIES_MAX}`)) return;
  for (const [name, value] of entries) {
    const at = `${path}[${JSON.stringify(name.slice(0, NAME_SHOWN_LENGTH_MAX))}]`;
    found.check(ENV_NAME.test(name), at, "the name must match [A-Za-z_][A-Za-z0-9_]*");
    found.check(!value.includes("\0"), at, "the value has a NUL byte");
  }
  const bytes = sizeOf(entries.flat());
  found.check(bytes <= ENV_BYTES_MAX, path, `has ${bytes} bytes in all; at most ${ENV_BYTES_MAX}`);
}

function sizeOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
