import { type DescEnum, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { isNumberText, parseInteger } from "../integer.ts";
import { type Walk, show } from "./walk.ts";

const FLOAT_MAX = 3.4028234663852886e38;
const ENUM_NAMES_SHOWN_MAX = 20;

interface IntegerRange {
  min: bigint;
  max: bigint;
  is64Bit: boolean;
}

const INT32: IntegerRange = { min: -(2n ** 31n), max: 2n ** 31n - 1n, is64Bit: false };
const UINT32: IntegerRange = { min: 0n, max: 2n ** 32n - 1n, is64Bit: false };
const INT64: IntegerRange = { min: -(2n ** 63n), max: 2n ** 63n - 1n, is64Bit: true };
const UINT64: IntegerRange = { min: 0n, max: 2n ** 64n - 1n, is64Bit: true };

const RANGES: Partial<Record<ScalarType, IntegerRange>> = {
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
};

/** The value in the form that is read next, or undefined with a violation. */
export function checkScalar(walk: Walk, type: ScalarType, json: unknown, path: string): JsonValue | undefined {
  walk.spend(path, typeof json === "string" ? json : undefined);
  switch (type) {
    case ScalarType.STRING:
      return checkString(walk, json, path);
    case ScalarType.BYTES:
      return checkBytes(walk, json, path);
    case ScalarType.BOOL:
      return typeof json === "boolean" ? json : walk.wrongType(path, "true or false", json);
    case ScalarType.FLOAT:
      return checkFloat(walk, json, path, FLOAT_MAX, Math.fround);
    case ScalarType.DOUBLE:
      return checkFloat(walk, json, path, Number.MAX_VALUE, Number);
    default:
      return checkInteger(walk, RANGES[type]!, json, path);
  }
}

/** A string within its limit and without half surrogate pairs, which UTF-8 cannot carry. */
export function checkString(walk: Walk, json: unknown, path: string): string | undefined {
  if (typeof json !== "string") return walk.wrongType(path, "a string", json);
  const { stringBytes } = walk.limits;
  if (json.length > stringBytes || (json.length * 3 > stringBytes && Buffer.byteLength(json) > stringBytes)) {
    return walk.bad(path, `has more than ${stringBytes} bytes`);
  }
  return json.isWellFormed() ? json : walk.bad(path, "is not valid Unicode: half a surrogate pair");
}

/** Standard or URL-safe base64, with or without padding. */
function checkBytes(walk: Walk, json: unknown, path: string): string | undefined {
  if (typeof json !== "string") return walk.wrongType(path, "a base64 string", json);
  const found = /^[A-Za-z0-9+/_-]*(={0,2})$/.exec(json);
  const digits = found === null ? 0 : json.length - found[1]!.length;
  const padded = found !== null && found[1] !== "";
  if (found === null || digits % 4 === 1 || (padded && json.length % 4 !== 0)) return walk.bad(path, "is not base64");
  const { bytesFieldBytes } = walk.limits;
  if (Math.floor((digits * 3) / 4) > bytesFieldBytes) return walk.bad(path, `has more than ${bytesFieldBytes} bytes`);
  return json;
}

function checkFloat(
  walk: Walk,
  json: unknown,
  path: string,
  max: number,
  round: (value: number) => number,
): number | string | undefined {
  if (json === "NaN" || json === "Infinity" || json === "-Infinity") return json;
  if (typeof json === "string" && !isNumberText(json)) return walk.bad(path, `${show(json)} is not a number`);
  if (typeof json !== "number" && typeof json !== "bigint" && typeof json !== "string") {
    return walk.wrongType(path, "a number", json);
  }
  const value = Number(json);
  return Math.abs(value) <= max ? round(value) : walk.bad(path, "is out of range");
}

/**
 * Decimal text of a 64-bit integer, a number for 32 bits. A JSON number beyond 2^53 is refused: it was rounded when the text was parsed.
 */
function checkInteger(walk: Walk, range: IntegerRange, json: unknown, path: string): number | string | undefined {
  const value = toInteger(walk, json, path);
  if (value === undefined) return undefined;
  if (value === "range" || value < range.min || value > range.max) {
    return walk.bad(path, `is out of range: ${range.min} to ${range.max}`);
  }
  return range.is64Bit ? value.toString() : Number(value);
}

function toInteger(walk: Walk, json: unknown, path: string): bigint | "range" | undefined {
  switch (typeof json) {
    case "bigint":
      return json;
    case "number":
      if (!Number.isInteger(json)) return Number.isFinite(json) ? walk.bad(path, `${json} is not an integer`) : "range";
      if (Number.isSafeInteger(json)) return BigInt(json);
      if (Math.abs(json) >= 2 ** 64) return "range";
      return walk.bad(path, "a number beyond 2^53 loses digits: give it as a string");
    case "string": {
      const value = parseInteger(json);
      return value === "malformed" || value === "fraction" ? walk.bad(path, `${show(json)} is not an integer`) : value;
    }
    default:
      return walk.wrongType(path, "an integer", json);
  }
}

/** A name of the enum, or any 32-bit number: numbers of a newer contract pass through. */
export function checkEnum(walk: Walk, desc: DescEnum, json: unknown, path: string): JsonValue | undefined {
  walk.spend(path, typeof json === "string" ? json : undefined);
  if (desc.typeName === "google.protobuf.NullValue") {
    return json === null || json === 0 || json === "NULL_VALUE" ? null : walk.wrongType(path, "null", json);
  }
  if (typeof json === "string") {
    if (desc.values.some((value) => value.name === json || value.jsonName === json)) return json;
    const names = desc.values.slice(0, ENUM_NAMES_SHOWN_MAX).map((value) => value.name);
    const more = desc.values.length > names.length ? ", ..." : "";
    return walk.bad(path, `${show(json)} is not one of ${names.join(", ")}${more}`);
  }
  if (typeof json !== "number") return walk.wrongType(path, "the name of a value (a string)", json);
  if (!Number.isInteger(json)) return walk.bad(path, `${json} is not an integer`);
  if (json < -(2 ** 31) || json >= 2 ** 31) return walk.bad(path, "is out of range: -2147483648 to 2147483647");
  return desc.open || desc.value[json] !== undefined
    ? json
    : walk.bad(path, `${json} is not a value of ${desc.typeName}`);
}

/** Keys of JSON objects are strings; those that stand for numbers and truth values must be in their one canonical form. */
export function checkMapKey(walk: Walk, type: ScalarType, key: string, path: string): boolean {
  walk.spend(path, key);
  switch (type) {
    case ScalarType.STRING:
      return checkString(walk, key, path) !== undefined;
    case ScalarType.BOOL:
      return walk.violations.check(key === "true" || key === "false", path, "the key must be true or false");
    default: {
      if (!/^(0|-?[1-9]\d*)$/.test(key)) return walk.violations.check(false, path, "the key must be an integer");
      return checkInteger(walk, RANGES[type]!, key, path) !== undefined;
    }
  }
}
