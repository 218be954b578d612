import { type FieldViolation, invalidArgument } from "../errors/errors.ts";
import { isId } from "./ids.ts";

export const NAME_BYTES_MAX = 255;

/** Patterns of resource names (AIP-122). Each `{variable}` is one id. */
export const PROJECT = "projects/{project}";
export const INSTANCE = "projects/{project}/instances/{instance}";
export const MIRROR = "projects/{project}/mirrors/{mirror}";
export const HOST = "hosts/{host}";

/** Variables of a pattern: `NameParts<"projects/{project}/instances/{instance}">` is `{ project: string; instance: string }`. */
export type NameParts<P extends string> = P extends `${string}{${infer K}}${infer Rest}`
  ? { [key in K]: string } & NameParts<Rest>
  : unknown;

interface CompiledPattern {
  regex: RegExp;
  variables: string[];
}

const compiled = new Map<string, CompiledPattern>();

function compile(pattern: string): CompiledPattern {
  let entry = compiled.get(pattern);
  if (entry === undefined) {
    const variables = [...pattern.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
    entry = { regex: new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, "([^/]+)")}$`), variables };
    compiled.set(pattern, entry);
  }
  return entry;
}

/** The ids in a name, or undefined when the name is not of this pattern. */
export function matchName<const P extends string>(pattern: P, name: string): NameParts<P> | undefined {
  if (name.length > NAME_BYTES_MAX) return undefined;
  const { regex, variables } = compile(pattern);
  const found = regex.exec(name);
  if (found === null) return undefined;
  const parts: Record<string, string> = {};
  for (const [index, variable] of variables.entries()) {
    const id = found[index + 1]!;
    if (!isId(id)) return undefined;
    parts[variable] = id;
  }
  return parts as NameParts<P>;
}

/** What is wrong with a name that should be of this pattern; empty when nothing is. */
export function checkName(pattern: string, field: string, name: string): FieldViolation[] {
  if (name === "") return [{ field, description: `is required: a name such as ${example(pattern)}` }];
  if (matchName(pattern, name) !== undefined) return [];
  return [{ field, description: `${quote(name)} is not a name of the form ${pattern}, such as ${example(pattern)}` }];
}

/** The ids in a name; INVALID_ARGUMENT on `field` when the name is not of this pattern. */
export function parseName<const P extends string>(pattern: P, name: string, field = "name"): NameParts<P> {
  const parts = matchName(pattern, name);
  if (parts === undefined) throw invalidArgument(checkName(pattern, field, name));
  return parts;
}

/** Puts ids into a pattern. The ids must have been checked: a bad one is a fault of the program. */
export function formatName<const P extends string>(pattern: P, parts: NameParts<P>): string {
  return pattern.replaceAll(/\{(\w+)\}/g, (_, variable: string) => {
    const id = (parts as Record<string, string>)[variable];
    if (id === undefined || !isId(id)) throw new TypeError(`${quote(String(id))} cannot be put into ${pattern}`);
    return id;
  });
}

/** Id of the project that a name belongs to; empty for what belongs to the realm (hosts). */
export function projectOf(name: string): string {
  return /^projects\/([^/]+)/.exec(name)?.[1] ?? "";
}

/** Last part of a name: the id within its parent. */
export function idOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function example(pattern: string): string {
  return pattern
    .replace("{project}", "default")
    .replace("{host}", "rack1-07")
    .replaceAll(/\{\w+\}/g, "web");
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
