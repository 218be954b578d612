import { isDeepStrictEqual } from "node:util";
import { parseDocuments } from "./parse-yaml.ts";

/** RFC 6902. */
export interface JsonOperation {
  op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  path: string;
  from?: string;
  value?: unknown;
}

const OPERATIONS = new Set(["add", "remove", "replace", "move", "copy", "test"]);
const WITH_VALUE = new Set(["add", "replace", "test"]);
const WITH_FROM = new Set(["move", "copy"]);
/** A copy of a copy of a copy grows without end. */
const MAX_COPIED_CHARS = 1 << 20;

type Container = Record<string, unknown> | unknown[];

/** A JSON or YAML list of operations. Throws with everything that is wrong. */
export function parseJsonPatch(text: string): JsonOperation[] {
  const [list, ...more] = parseDocuments(text);
  if (!Array.isArray(list) || more.length > 0) throw new Error("is not one list of operations");
  const problems = list.flatMap((operation: unknown, index) =>
    operationProblems(operation).map((problem) => `[${index}] ${problem}`),
  );
  if (problems.length > 0) throw new Error(problems.join("; "));
  return list as JsonOperation[];
}

function operationProblems(operation: unknown): string[] {
  if (typeof operation !== "object" || operation === null) return ["is no operation"];
  const { op, path, from } = operation as Partial<JsonOperation>;
  if (typeof op !== "string" || !OPERATIONS.has(op)) return [`op must be one of ${[...OPERATIONS].join(", ")}`];
  const problems: string[] = [];
  if (!isPointer(path)) problems.push("path must be a JSON pointer");
  if (WITH_FROM.has(op) && !isPointer(from)) problems.push("from must be a JSON pointer");
  if (WITH_VALUE.has(op) && !Object.hasOwn(operation, "value")) problems.push("value is missing");
  return problems;
}

function isPointer(text: unknown): text is string {
  return typeof text === "string" && /^(\/([^~/]|~[01])*)*$/.test(text);
}

/** The document after all operations; `document` stays as it is. */
export function applyJsonPatch(document: unknown, operations: readonly JsonOperation[]): unknown {
  // Wrapped, so that the whole document is a member like any other.
  const root: Container = { "": structuredClone(document) };
  let copiedChars = 0;
  for (const [index, operation] of operations.entries()) {
    try {
      if (operation.op === "copy") copiedChars += JSON.stringify(read(root, operation.from ?? "")).length;
      if (copiedChars > MAX_COPIED_CHARS) throw new Error("the patch copies too much");
      apply(root, operation);
    } catch (error) {
      throw new Error(`patch operation ${index} (${operation.op} ${operation.path}): ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return root[""];
}

function apply(root: Container, { op, path, from = "", value }: JsonOperation): void {
  switch (op) {
    case "add":
      return add(root, path, structuredClone(value));
    case "remove":
      return void remove(root, path);
    case "replace":
      remove(root, path);
      return add(root, path, structuredClone(value));
    case "move":
      if (`${path}/`.startsWith(`${from}/`) && path !== from) throw new Error("it cannot be moved into itself");
      return add(root, path, remove(root, from));
    case "copy":
      return add(root, path, structuredClone(read(root, from)));
    case "test":
      if (!isDeepStrictEqual(read(root, path), value)) throw new Error("the value there is another");
  }
}

function read(root: Container, pointer: string): unknown {
  return tokens(pointer).reduce<unknown>(member, root);
}

function add(root: Container, pointer: string, value: unknown): void {
  const { parent, last } = parentOf(root, pointer);
  if (Array.isArray(parent)) parent.splice(last === "-" ? parent.length : position(last, parent.length), 0, value);
  // Never through a setter such as that of `__proto__`.
  else Object.defineProperty(parent, last, { value, writable: true, enumerable: true, configurable: true });
}

function remove(root: Container, pointer: string): unknown {
  const { parent, last } = parentOf(root, pointer);
  const removed = member(parent, last);
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return removed;
}

function parentOf(root: Container, pointer: string): { parent: Container; last: string } {
  const path = tokens(pointer);
  const parent = path.slice(0, -1).reduce<unknown>(member, root);
  if (typeof parent !== "object" || parent === null) throw new Error("what it is in holds no members");
  return { parent: parent as Container, last: path.at(-1) ?? "" };
}

function member(container: unknown, token: string): unknown {
  if (Array.isArray(container)) return container[position(token, container.length - 1)];
  if (typeof container !== "object" || container === null || !Object.hasOwn(container, token)) {
    throw new Error(`there is no ${token === "" ? "document" : token}`);
  }
  return (container as Record<string, unknown>)[token];
}

function position(token: string, max: number): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(token) || Number(token) > max) throw new Error(`there is no position ${token}`);
  return Number(token);
}

/** The first one is the wrapped document itself. */
function tokens(pointer: string): string[] {
  return pointer.split("/").map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}
