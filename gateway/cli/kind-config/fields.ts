import { suggestion } from "../suggest.ts";

/** Reads one value; what is wrong with it goes into `problems`, each with its path. `undefined`: it is wrong. */
export type Reader<T> = (value: unknown, path: string, problems: string[]) => T | undefined;

type Shape = Record<string, Reader<unknown>>;
type Read<S extends Shape> = { [F in keyof S]?: S[F] extends Reader<infer T> ? T : never };

/** An object with no other fields than these, each of which may be missing (or empty: YAML's null). */
export function object<S extends Shape>(shape: S): Reader<Read<S>> {
  return (value, path, problems) => {
    if (!isMap(value)) return wrong(problems, path, "is not a mapping");
    const read: Record<string, unknown> = {};
    for (const [field, inner] of Object.entries(value)) {
      const at = path === "" ? field : `${path}.${field}`;
      const reader = Object.hasOwn(shape, field) ? shape[field] : undefined;
      if (!reader) problems.push(`${at}: is no field of it${suggestion(field, Object.keys(shape))}`);
      else if (inner !== null) read[field] = reader(inner, at, problems);
    }
    return read as Read<S>;
  };
}

export function list<T>(item: Reader<T>): Reader<T[]> {
  return (value, path, problems) => {
    if (!Array.isArray(value)) return wrong(problems, path, "is not a list");
    return value.flatMap((inner, index) => {
      const read = item(inner, `${path}[${index}]`, problems);
      return read === undefined ? [] : [read];
    });
  };
}

export function map<T>(item: Reader<T>): Reader<Record<string, T>> {
  return (value, path, problems) => {
    if (!isMap(value)) return wrong(problems, path, "is not a mapping");
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]): [string, T][] => {
        const read = item(inner, `${path}[${JSON.stringify(key)}]`, problems);
        return read === undefined ? [] : [[key, read]];
      }),
    );
  };
}

/** Numbers and truth values are taken as they are written, as kind does. */
export const text: Reader<string> = (value, path, problems) =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : wrong(problems, path, "is not a text");

export const truth: Reader<boolean> = (value, path, problems) =>
  typeof value === "boolean" ? value : wrong(problems, path, "is neither true nor false");

export function integer(min: number, max: number): Reader<number> {
  return (value, path, problems) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max
      ? Number(value)
      : wrong(problems, path, `is not a whole number from ${min} to ${max}`);
}

/** One of the words; its meaning is returned. */
export function oneOf<T>(words: Record<string, T>): Reader<T> {
  return (value, path, problems) =>
    typeof value === "string" && Object.hasOwn(words, value)
      ? words[value]
      : wrong(problems, path, `is none of ${Object.keys(words).join(", ")}`);
}

/** A field that kind knows and Gantry has nothing for; `except`: the value that asks for nothing. */
export function unsupported(except: unknown, why: string): Reader<undefined> {
  return (value, path, problems) => {
    const nothing = value === except || (Array.isArray(except) && Array.isArray(value) && value.length === 0);
    return nothing ? undefined : wrong(problems, path, `is not supported: ${why}`);
  };
}

function wrong(problems: string[], path: string, what: string): undefined {
  problems.push(`${path === "" ? "it" : path}: ${what}`);
  return undefined;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
