import { Violations } from "./violations.ts";

export interface MaskOptions<T extends object> {
  /** Paths of `update_mask`, in proto names (`spec.display_name`); undefined or empty: every allowed field that is set in `from`. */
  mask: readonly string[] | undefined;
  /** Every path the mask may contain. `*` in the mask stands for all of them. */
  allowed: readonly string[];
  /** The request's resource. */
  from: T;
  /** The stored resource; changed in place. */
  to: T;
  /** A resource with nothing set, but with the messages that `allowed` goes through: what a field missing in `from` is reset to. */
  blank: T;
  /** Path of the mask in the request. */
  field?: string;
}

type Fields = Record<string, unknown>;

/**
 * Copies the masked fields of a request's resource to the stored one. Lists, maps and messages are replaced, not merged. INVALID_ARGUMENT
 * with every path that is not allowed. Returns the paths applied.
 */
export function applyMask<T extends object>(options: MaskOptions<T>): string[] {
  const { from, to, blank } = options;
  const paths = maskPaths(options);
  for (const path of paths) setPath(to as Fields, path, structuredClone(read(from, path) ?? read(blank, path)), blank);
  return paths;
}

/** Adds a violation for each path that the mask must not have; returns the others. */
export function checkMask(
  violations: Violations,
  mask: readonly string[],
  allowed: readonly string[],
  field = "update_mask",
): string[] {
  return mask.filter((path) => {
    const good = path === "*" || allowed.includes(path);
    return violations.check(good, field, `${JSON.stringify(path)} cannot be updated; these can: ${allowed.join(", ")}`);
  });
}

function maskPaths<T extends object>(options: MaskOptions<T>): string[] {
  const { mask, allowed, from, field = "update_mask" } = options;
  if (mask === undefined || mask.length === 0) return allowed.filter((path) => isSet(read(from, path)));
  const violations = new Violations();
  checkMask(violations, mask, allowed, field);
  violations.throwIfAny();
  return mask.includes("*") ? [...allowed] : [...new Set(mask)];
}

/** `spec.display_name` as the fields of the generated types: `["spec", "displayName"]`. */
function localPath(path: string): string[] {
  return path.split(".").map((name) => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
}

function read(root: object, path: string): unknown {
  let value: unknown = root;
  for (const key of localPath(path)) value = (value as Fields | undefined)?.[key];
  return value;
}

function setPath(root: Fields, path: string, value: unknown, blank: object): void {
  const keys = localPath(path);
  const last = keys.pop()!;
  let target = root;
  let model = blank as Fields;
  for (const key of keys) {
    model = model[key] as Fields;
    target[key] ??= structuredClone(model);
    target = target[key] as Fields;
  }
  target[last] = value;
}

/** Whether a proto3 field has another value than its default. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === "" || value === 0 || value === 0n || value === false) return false;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0;
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.keys(value).length > 0;
  }
  return true;
}
