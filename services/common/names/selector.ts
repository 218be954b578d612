import { invalidArgument } from "../errors/errors.ts";
import { labelKeyProblem, labelValueProblem } from "./label-syntax.ts";

export const SELECTOR_BYTES_MAX = 1024;

export type SelectorOperator = "in" | "notin" | "exists" | "absent";

export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  /** Sorted, without repeats; empty for `exists` and `absent`. `a=b` is `in` with one value, `a!=b` is `notin`. */
  readonly values: readonly string[];
}

/** Call it with labels: true when every requirement holds (an empty selector matches everything). */
export interface LabelSelector {
  (labels: Readonly<Record<string, string>>): boolean;
  readonly requirements: readonly Requirement[];
  /** The same selector however it was written: for comparing and for keys. */
  readonly canonical: string;
}

class SyntaxProblem extends Error {}

/**
 * Parses a Kubernetes label selector: `a=b,c==d,e!=f,g in (x,y),h notin (z),i,!j`. As there, `!=` and `notin` hold for labels that are
 * absent. INVALID_ARGUMENT on `field` when it is not one or has more than 1,024 bytes.
 */
export function parseSelector(text: string, field = "label_selector"): LabelSelector {
  if (Buffer.byteLength(text) > SELECTOR_BYTES_MAX) {
    throw invalidArgument([{ field, description: `a label selector has at most ${SELECTOR_BYTES_MAX} bytes` }]);
  }
  try {
    return makeSelector(parseRequirements(text));
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    throw invalidArgument([{ field, description: `is not a label selector: ${error.message}` }]);
  }
}

function makeSelector(requirements: Requirement[]): LabelSelector {
  const matches = (labels: Readonly<Record<string, string>>): boolean => requirements.every((r) => holds(r, labels));
  const canonical = requirements.map(format).sort().join(",");
  return Object.assign(matches, { requirements, canonical });
}

function holds({ key, operator, values }: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
    case "in":
      return value !== undefined && values.includes(value);
    case "notin":
      return value === undefined || !values.includes(value);
  }
}

function format({ key, operator, values }: Requirement): string {
  if (operator === "exists") return key;
  if (operator === "absent") return `!${key}`;
  if (values.length === 1) return `${key}${operator === "in" ? "=" : "!="}${values[0]}`;
  return `${key} ${operator} (${values.join(",")})`;
}

/** Words and the symbols between them; whitespace only separates. */
function tokenize(text: string): string[] {
  return text.match(/[^\s=!(),]+|==|!=|[=!(),]/g) ?? [];
}

function isSymbol(token: string | undefined): boolean {
  return token === undefined || /^[=!(),]/.test(token);
}

function parseRequirements(text: string): Requirement[] {
  const tokens = tokenize(text);
  const requirements: Requirement[] = [];
  let at = 0;

  function parseKey(): string {
    const key = tokens[at];
    if (key === undefined || isSymbol(key)) throw new SyntaxProblem(`a label key is expected, not ${show(key)}`);
    const problem = labelKeyProblem(key);
    if (problem !== undefined) throw new SyntaxProblem(`${show(key)}: ${problem}`);
    at++;
    return key;
  }

  /** A value may be empty: `a=` and `a in (,b)`. */
  function parseValue(): string {
    const value = tokens[at];
    if (value === undefined || isSymbol(value)) return "";
    const problem = labelValueProblem(value);
    if (problem !== undefined) throw new SyntaxProblem(`${show(value)}: ${problem}`);
    at++;
    return value;
  }

  function expect(symbol: string): void {
    if (tokens[at] !== symbol) throw new SyntaxProblem(`"${symbol}" is expected, not ${show(tokens[at])}`);
    at++;
  }

  function parseSet(): string[] {
    expect("(");
    if (tokens[at] === ")") throw new SyntaxProblem("a set of values cannot be empty");
    const values = new Set([parseValue()]);
    while (tokens[at] === ",") {
      at++;
      values.add(parseValue());
    }
    expect(")");
    return [...values].sort();
  }

  function parseRequirement(): Requirement {
    if (tokens[at] === "!") {
      at++;
      return { key: parseKey(), operator: "absent", values: [] };
    }
    const key = parseKey();
    const operator = tokens[at];
    if (operator === undefined || operator === ",") return { key, operator: "exists", values: [] };
    at++;
    switch (operator) {
      case "=":
      case "==":
        return { key, operator: "in", values: [parseValue()] };
      case "!=":
        return { key, operator: "notin", values: [parseValue()] };
      case "in":
      case "notin":
        return { key, operator, values: parseSet() };
      default:
        throw new SyntaxProblem(`"=", "!=", "in" or "notin" is expected behind ${show(key)}, not ${show(operator)}`);
    }
  }

  while (at < tokens.length) {
    requirements.push(parseRequirement());
    if (at === tokens.length) break;
    expect(",");
    if (at === tokens.length) throw new SyntaxProblem("a label key is expected, not the end");
  }
  return requirements;
}

function show(token: string | undefined): string {
  return token === undefined ? "the end" : JSON.stringify(token.length > 80 ? `${token.slice(0, 80)}…` : token);
}
