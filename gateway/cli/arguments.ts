import { UsageError } from "./exit-codes.ts";

/** commander drops the `--`: what stood behind it is known from the end of the real arguments. */
export function splitAtDashes(
  words: string[],
  argv: readonly string[],
): { names: string[]; programArguments: string[] } {
  const dashes = argv.indexOf("--");
  const behind = dashes < 0 ? 0 : argv.length - dashes - 1;
  const names = words.slice(0, words.length - behind);
  if (names.length === 0) throw new UsageError("name the instance before --");
  return { names, programArguments: words.slice(words.length - behind) };
}
