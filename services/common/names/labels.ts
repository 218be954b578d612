import type { FieldViolation } from "../errors/errors.ts";
import { labelKeyProblem, labelValueProblem } from "./label-syntax.ts";

export const LABELS_MAX = 64;
export const ANNOTATIONS_MAX = 64;
export const ANNOTATIONS_BYTES_MAX = 64 * 1024;
/** Keys with this prefix are Gantry's own. */
export const RESERVED_KEY_PREFIX = "gantry.dev/";

const KEY_SHOWN_LENGTH_MAX = 80;

/** Everything wrong with labels that a user sent; `path` is that of the map, for example `instance.meta.labels`. */
export function checkLabels(path: string, labels: Readonly<Record<string, string>>): FieldViolation[] {
  const found = checkKeys(path, Object.keys(labels), LABELS_MAX, "labels");
  for (const [key, value] of Object.entries(labels)) {
    const problem = labelValueProblem(value);
    if (problem !== undefined) found.push({ field: entry(path, key), description: problem });
  }
  return found;
}

/** Everything wrong with annotations that a user sent; `path` is that of the map. */
export function checkAnnotations(path: string, annotations: Readonly<Record<string, string>>): FieldViolation[] {
  const found = checkKeys(path, Object.keys(annotations), ANNOTATIONS_MAX, "annotations");
  let sizeBytes = 0;
  for (const [key, value] of Object.entries(annotations))
    sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (sizeBytes > ANNOTATIONS_BYTES_MAX) {
    found.push({
      field: path,
      description: `annotations have ${sizeBytes} bytes in all; at most ${ANNOTATIONS_BYTES_MAX} are allowed`,
    });
  }
  return found;
}

function checkKeys(path: string, keys: string[], max: number, what: string): FieldViolation[] {
  if (keys.length > max) {
    return [{ field: path, description: `has ${keys.length} ${what}; at most ${max} are allowed` }];
  }
  const found: FieldViolation[] = [];
  for (const key of keys) {
    const problem = key.startsWith(RESERVED_KEY_PREFIX)
      ? `the prefix ${RESERVED_KEY_PREFIX} is reserved`
      : labelKeyProblem(key);
    if (problem !== undefined) found.push({ field: entry(path, key), description: problem });
  }
  return found;
}

function entry(path: string, key: string): string {
  return `${path}[${JSON.stringify(key.length > KEY_SHOWN_LENGTH_MAX ? `${key.slice(0, KEY_SHOWN_LENGTH_MAX)}…` : key)}]`;
}
