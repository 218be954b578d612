import type { DescField, DescMessage, Registry } from "@bufbuild/protobuf";
import { Violations } from "../../names/violations.ts";
import type { CodecLimits } from "../limits.ts";

/** Ends a walk early: what was found so far is reported. */
export class WalkStopped extends Error {}

/** Rough size of a value that is neither key nor string. */
const SCALAR_BYTES = 8;
const SHOWN_LENGTH_MAX = 80;

/** State of one walk over a JSON value. */
export class Walk {
  readonly registry: Registry;
  readonly limits: CodecLimits;
  readonly violations = new Violations();
  #leftBytes: number;

  constructor(registry: Registry, limits: CodecLimits) {
    this.registry = registry;
    this.limits = limits;
    this.#leftBytes = limits.totalBytes;
  }

  /** Counts a key or value towards the total; stops the walk when it is used up. */
  spend(path: string, text?: string): void {
    this.#leftBytes -= text === undefined ? SCALAR_BYTES : text.length + 2;
    if (this.#leftBytes >= 0) return;
    this.violations.add(path, `the JSON has more than ${this.limits.totalBytes} bytes in all`);
    throw new WalkStopped();
  }

  /** False, with a violation, when there are too many levels above. */
  mayDescend(path: string, depth: number): boolean {
    return this.violations.check(depth <= this.limits.depth, path, `nested deeper than ${this.limits.depth} levels`);
  }

  /** Adds a violation; returns undefined, what a check returns for a bad value. */
  bad(path: string, description: string): undefined {
    this.violations.add(path, description);
    return undefined;
  }

  /** As bad, for a value of the wrong type. */
  wrongType(path: string, expected: string, json: unknown): undefined {
    return this.bad(path, `${expected} is expected, not ${typeOf(json)}`);
  }
}

export function typeOf(json: unknown): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return "a list";
  switch (typeof json) {
    case "object":
      return "an object";
    case "bigint":
      return "a number";
    default:
      return `a ${typeof json}`;
  }
}

/** Quoted, and shortened for messages. */
export function show(text: string): string {
  return JSON.stringify(text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text);
}

/** `a.b`; a name that is no identifier is put in brackets: `a["b c"]`. */
export function memberPath(path: string, name: string): string {
  if (!/^[A-Za-z_@][A-Za-z0-9_]*$/.test(name) || name.length > SHOWN_LENGTH_MAX) return entryPath(path, name);
  return path === "" ? name : `${path}.${name}`;
}

/** `labels["app"]` */
export function entryPath(path: string, key: string): string {
  return `${path}[${show(key)}]`;
}

export function isObject(json: unknown): json is Record<string, never> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const fieldsByName = new WeakMap<DescMessage, Map<string, DescField>>();

/** Fields by JSON name and by proto name. */
export function fieldsOf(desc: DescMessage): Map<string, DescField> {
  let fields = fieldsByName.get(desc);
  if (fields === undefined) {
    fields = new Map(desc.fields.flatMap((field) => [[field.jsonName, field] as const, [field.name, field] as const]));
    fieldsByName.set(desc, fields);
  }
  return fields;
}
