import { isDeepStrictEqual } from "node:util";
import type { Violations } from "../../common/names/violations.ts";

/** Field of a spec that nobody can change, and what does it instead. */
export type FixedFields<T> = Readonly<Partial<Record<keyof T & string, string>>>;

/**
 * A request without a mask means what is set in it. What is set and differs from what is there, though it cannot be changed, must not be passed
 * over in silence.
 */
export function checkUnchanged<T extends object>(
  found: Violations,
  given: T,
  present: T,
  fixed: FixedFields<T>,
  path: string,
): void {
  for (const [key, advice] of Object.entries(fixed) as [keyof T & string, string][]) {
    const value = given[key];
    const isSet = Array.isArray(value) ? value.length > 0 : Boolean(value) && !isDeepStrictEqual(value, {});
    if (!isSet || isDeepStrictEqual(known(value), known(present[key]))) continue;
    const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    found.add(`${path}.${name}`, `cannot be changed${advice === "" ? "" : `: ${advice}`}`);
  }
}

/** Without what of a message is unknown here: one that was not sent has no place for it. */
function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(known);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([key]) => key !== "_unknownFields");
  return Object.fromEntries(fields.map(([key, field]) => [key, known(field)]));
}
