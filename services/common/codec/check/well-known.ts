import type { JsonValue } from "@bufbuild/protobuf";
import { checkString } from "./scalar.ts";
import { type Walk, entryPath, isObject, show } from "./walk.ts";

const DURATION_SECONDS_MAX = 315_576_000_000;
const TIMESTAMP_MS_MIN = Date.parse("0001-01-01T00:00:00Z");
const TIMESTAMP_MS_MAX = Date.parse("9999-12-31T23:59:59Z");

const DURATION = /^-?(\d{1,12})(?:\.\d{1,9})?s$/;
const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
/** Paths in lowerCamelCase, or `*` alone. */
const MASK_PATH = /^(?:\*|[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)*)$/;

/** `1.5s`: within 10,000 years, at most 9 digits of fraction. */
export function checkDuration(walk: Walk, json: unknown, path: string): string | undefined {
  if (typeof json !== "string") return walk.wrongType(path, 'a duration such as "1.5s"', json);
  walk.spend(path, json);
  const found = DURATION.exec(json);
  if (found === null) return walk.bad(path, `${show(json)} is not a duration such as "1.5s"`);
  if (Number(found[1]) > DURATION_SECONDS_MAX) return walk.bad(path, "is out of range: at most 10,000 years");
  return json;
}

/** RFC 3339, years 1 to 9999. */
export function checkTimestamp(walk: Walk, json: unknown, path: string): string | undefined {
  if (typeof json !== "string") return walk.wrongType(path, 'a time such as "2026-01-31T12:00:00Z"', json);
  walk.spend(path, json);
  const found = TIMESTAMP.exec(json);
  const [year, month, day, hour, minute, second] = (found?.slice(1, 7) ?? []).map(Number);
  if (found === null || month! < 1 || month! > 12 || day! < 1 || day! > daysInMonth(year!, month!)) {
    return walk.bad(path, `${show(json)} is not a time such as "2026-01-31T12:00:00Z"`);
  }
  const utc = new Date(0);
  utc.setUTCFullYear(year!, month! - 1, day);
  utc.setUTCHours(hour!, minute, second);
  const offsetMinutes = (Number(found[8] ?? 0) * 60 + Number(found[9] ?? 0)) * (found[7] === "-" ? -1 : 1);
  const ms = utc.getTime() - offsetMinutes * 60_000;
  if (ms < TIMESTAMP_MS_MIN || ms > TIMESTAMP_MS_MAX) return walk.bad(path, "is out of range: years 1 to 9999");
  return json;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Comma-separated paths in lowerCamelCase. */
export function checkFieldMask(walk: Walk, json: unknown, path: string): string | undefined {
  if (typeof json !== "string") return walk.wrongType(path, "comma-separated paths (a string)", json);
  walk.spend(path, json);
  if (json === "") return json;
  const bad = json.split(",").filter((entry) => !MASK_PATH.test(entry));
  for (const entry of bad) walk.bad(path, `${show(entry)} is not a path in lowerCamelCase, such as "spec.displayName"`);
  return bad.length === 0 ? json : undefined;
}

/** google.protobuf.Struct */
export function checkStruct(walk: Walk, json: unknown, path: string, depth: number): JsonValue | undefined {
  return isObject(json) ? checkValue(walk, json, path, depth) : walk.wrongType(path, "an object", json);
}

/** google.protobuf.ListValue */
export function checkListValue(walk: Walk, json: unknown, path: string, depth: number): JsonValue | undefined {
  return Array.isArray(json) ? checkValue(walk, json, path, depth) : walk.wrongType(path, "a list", json);
}

/** google.protobuf.Value: any JSON within the limits. */
export function checkValue(walk: Walk, json: unknown, path: string, depth: number): JsonValue | undefined {
  walk.spend(path, typeof json === "string" ? json : undefined);
  if (json === null || typeof json === "boolean") return json;
  if (typeof json === "string") return checkString(walk, json, path);
  if (typeof json === "number" || typeof json === "bigint") {
    const value = Number(json);
    return Number.isFinite(value) ? value : walk.bad(path, "is out of range");
  }
  if (!walk.mayDescend(path, depth)) return undefined;
  if (Array.isArray(json)) {
    const items = json.map((item, index) => checkValue(walk, item, `${path}[${index}]`, depth + 1));
    return items as JsonValue[];
  }
  if (!isObject(json)) return walk.wrongType(path, "a JSON value", json);
  const copy: Record<string, JsonValue | undefined> = Object.create(null);
  for (const [key, value] of Object.entries(json)) {
    const inner = entryPath(path, key);
    walk.spend(inner, key);
    checkString(walk, key, inner);
    copy[key] = checkValue(walk, value, inner, depth + 1);
  }
  return copy as JsonValue;
}
