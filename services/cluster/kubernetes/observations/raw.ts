/**
 * Reading what a cluster's API sent. Whoever is root in a node can make an API server say anything: nothing is taken for granted, and no list or
 * mapping is longer than what is shown of it.
 */

/** Entries of one list or mapping that are read. */
export const ENTRIES_MAX = 64;
/** Longest text that is taken as it is. */
export const TEXT_LENGTH_MAX = 1_024;

/** A label's key or value is never longer. */
const LABEL_LENGTH_MAX = 320;
const INT32_MAX = 2 ** 31 - 1;

export function field(value: unknown, ...path: string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

export function text(value: unknown, ...path: string[]): string {
  const found = field(value, ...path);
  return typeof found === "string" ? found.slice(0, TEXT_LENGTH_MAX) : "";
}

export function list(value: unknown, ...path: string[]): unknown[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found.slice(0, ENTRIES_MAX) : [];
}

export function texts(value: unknown, ...path: string[]): string[] {
  return list(value, ...path).map((entry) => text(entry));
}

export function entries(value: unknown, ...path: string[]): [string, unknown][] {
  const found = field(value, ...path);
  if (typeof found !== "object" || found === null || Array.isArray(found)) return [];
  return Object.entries(found).slice(0, ENTRIES_MAX);
}

export function textMap(value: unknown, ...path: string[]): Record<string, string> {
  return Object.fromEntries(entries(value, ...path).map(([key, entry]) => [label(key), label(entry)]));
}

function label(value: unknown): string {
  return text(value).slice(0, LABEL_LENGTH_MAX);
}

/** 0 or more, as an int32. */
export function count(value: unknown, ...path: string[]): number {
  const found = field(value, ...path);
  return typeof found === "number" && found > 0 ? Math.min(Math.trunc(found), INT32_MAX) : 0;
}

export function flag(value: unknown, ...path: string[]): boolean {
  return field(value, ...path) === true;
}

export function time(value: unknown, ...path: string[]): Date | undefined {
  const found = text(value, ...path);
  const date = new Date(found);
  return found === "" || Number.isNaN(date.getTime()) ? undefined : date;
}

/** The condition of a type: `conditions` of an object's status. */
export function condition(object: unknown, type: string): unknown {
  return list(object, "status", "conditions").find((each) => text(each, "type") === type);
}
