/** A frame of a client: an object with a type. Everything else of it is unchecked. */
export interface ClientFrame {
  t: string;
  [field: string]: unknown;
}

export class BadFrame extends Error {}

/** Throws BadFrame when the text is not a JSON object with a text `t`, or is nested deeper than `depthMax`. */
export function parseFrame(bytes: Buffer, depthMax: number): ClientFrame {
  if (depthExceeds(bytes, depthMax)) throw new BadFrame(`nested deeper than ${depthMax}`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new BadFrame("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadFrame("not a JSON object");
  if (typeof (value as ClientFrame).t !== "string") throw new BadFrame("no type `t`");
  return value as ClientFrame;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Looked at before parsing, so that what is walked recursively later is never deep. */
function depthExceeds(bytes: Buffer, depthMax: number): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > depthMax) return true;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
  }
  return false;
}
