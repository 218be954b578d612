import { parseJsonText } from "../../services/common/codec/text.ts";
import { GantryError } from "../../services/common/errors/errors.ts";

/** A frame of a client: an object with a type. Everything else of it is unchecked; integers beyond 2^53 are bigint. */
export interface ClientFrame {
  t: string;
  [field: string]: unknown;
}

export class BadFrame extends Error {}

/** Throws BadFrame when the text is not a JSON object with a text `t`, names a key twice or is nested deeper than `depthMax`. */
export function parseFrame(bytes: Buffer, depthMax: number): ClientFrame {
  const value = parse(bytes, depthMax);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadFrame("not a JSON object");
  if (typeof (value as ClientFrame).t !== "string") throw new BadFrame("no type `t`");
  return value as ClientFrame;
}

function parse(bytes: Buffer, depth: number): unknown {
  const limits = { depth, totalBytes: bytes.length };
  try {
    return parseJsonText(bytes.toString("utf8"), { limits, exactIntegers: true });
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    throw new BadFrame(error.violations[0]?.description ?? error.message);
  }
}
