import type { JsonValue } from "@bufbuild/protobuf";
import { invalidArgument } from "../errors/errors.ts";
import { CODEC_LIMITS, type CodecLimits } from "./limits.ts";

export interface ParseTextOptions {
  limits?: Partial<Pick<CodecLimits, "totalBytes" | "depth">>;
  /** Path that problems are reported under. */
  path?: string;
  /** Integers too large for a JavaScript number come as bigint instead of being rounded. */
  exactIntegers?: boolean;
}

/** A JSON value; integers beyond 2^53 may be bigint when they were asked for exactly. */
export type ExactJson = JsonValue | bigint | ExactJson[] | { [key: string]: ExactJson };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** A number with more digits may not survive in a double. */
const SAFE_DIGITS = 15;

/**
 * Parses JSON from outside. Size, depth and repeated keys are checked on the text, before anything is built from it: a key given twice in
 * one object is refused, because JSON.parse would silently keep the last. INVALID_ARGUMENT when something is wrong.
 */
export function parseJsonText(text: string, options: ParseTextOptions = {}): ExactJson {
  const { path = "", exactIntegers = false } = options;
  const limits = { ...CODEC_LIMITS, ...options.limits };
  const fail = (description: string): never => {
    throw invalidArgument([{ field: path, description }]);
  };
  // Every UTF-16 unit is at least one byte, so a long text needs no count.
  if (text.length > limits.totalBytes || Buffer.byteLength(text) > limits.totalBytes) {
    return fail(`the JSON text has more than ${limits.totalBytes} bytes`);
  }
  const scan = scanText(text, limits.depth);
  if (scan.problem !== undefined) return fail(scan.problem);
  try {
    return exactIntegers && scan.longNumbers ? parseExact(text) : (JSON.parse(text) as JsonValue);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return fail("the text is not JSON");
  }
}

interface Scan {
  problem?: string;
  longNumbers: boolean;
}

/** Goes over the text once, without recursion. Malformed text is left to JSON.parse. */
function scanText(text: string, depthMax: number): Scan {
  // Keys of each open object; undefined for a list.
  const open: (Set<string> | undefined)[] = [];
  let expectKey = false;
  let digits = 0;
  let longNumbers = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x30 && unit <= 0x39) {
      if (++digits > SAFE_DIGITS) longNumbers = true;
      continue;
    }
    digits = 0;
    switch (unit) {
      case 0x7b: // {
      case 0x5b: // [
        if (open.length === depthMax) return { problem: `nested deeper than ${depthMax} levels`, longNumbers };
        expectKey = unit === 0x7b;
        open.push(expectKey ? new Set() : undefined);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectKey = false;
        break;
      case 0x2c: // ,
        expectKey = open.at(-1) !== undefined;
        break;
      case QUOTE: {
        const end = closingQuote(text, at);
        if (end === -1) return { longNumbers };
        const keys = open.at(-1);
        if (expectKey && keys !== undefined) {
          const key = keyText(text.slice(at, end + 1));
          if (keys.has(key))
            return { problem: `the key ${JSON.stringify(key.slice(0, 80))} is given twice`, longNumbers };
          keys.add(key);
        }
        expectKey = false;
        at = end;
        break;
      }
    }
  }
  return { longNumbers };
}

function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === BACKSLASH) at++;
    else if (unit === QUOTE) return at;
  }
  return -1;
}

/** Two spellings of one key (`"a"` and `"\u0061"`) are the same key. */
function keyText(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    // Malformed: the whole text will be refused.
    return quoted;
  }
}

function parseExact(text: string): ExactJson {
  return JSON.parse(text, (_key, value: ExactJson, context?: { source?: string }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    const source = context?.source;
    return source !== undefined && /^-?\d{1,20}$/.test(source) ? BigInt(source) : value;
  }) as ExactJson;
}
