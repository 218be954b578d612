import type { DescField, DescMessage, DescOneof, JsonValue } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { checkAny } from "./any.ts";
import { checkEnum, checkMapKey, checkScalar } from "./scalar.ts";
import {
  checkDuration,
  checkFieldMask,
  checkListValue,
  checkStruct,
  checkTimestamp,
  checkValue,
} from "./well-known.ts";
import { type Walk, entryPath, fieldsOf, isObject, memberPath, show } from "./walk.ts";

/**
 * Checks JSON against a message. Returns a copy in the plainest form (JSON names, no nulls, integers without exponents), or, after adding
 * violations, something that must not be used. `depth`: level of this value, 1 for the outermost.
 */
export function checkMessage(
  walk: Walk,
  desc: DescMessage,
  json: unknown,
  path: string,
  depth: number,
): JsonValue | undefined {
  switch (desc.typeName) {
    case "google.protobuf.Any":
      return checkAny(walk, json, path, depth);
    case "google.protobuf.Timestamp":
      return checkTimestamp(walk, json, path);
    case "google.protobuf.Duration":
      return checkDuration(walk, json, path);
    case "google.protobuf.FieldMask":
      return checkFieldMask(walk, json, path);
    case "google.protobuf.Struct":
      return checkStruct(walk, json, path, depth);
    case "google.protobuf.Value":
      return checkValue(walk, json, path, depth);
    case "google.protobuf.ListValue":
      return checkListValue(walk, json, path, depth);
  }
  if (isWrapperDesc(desc)) return checkScalar(walk, desc.fields[0]!.scalar!, json, path);
  if (!isObject(json)) return walk.wrongType(path, "an object", json);
  return checkFields(walk, desc, json, path, depth);
}

/** The fields of a message; `skip`: a key that is not one (`@type` of an Any). */
export function checkFields(
  walk: Walk,
  desc: DescMessage,
  json: Record<string, unknown>,
  path: string,
  depth: number,
  skip?: string,
): JsonValue | undefined {
  if (!walk.mayDescend(path, depth)) return undefined;
  const fields = fieldsOf(desc);
  const keyOf = new Map<DescField, string>();
  const memberOf = new Map<DescOneof, DescField>();
  const copy: Record<string, JsonValue> = Object.create(null);
  for (const [key, value] of Object.entries(json)) {
    if (key === skip) continue;
    walk.spend(path, key);
    const field = fields.get(key);
    if (field === undefined) {
      walk.bad(memberPath(path, key), `${desc.name} has no such field`);
      continue;
    }
    const inner = memberPath(path, field.name);
    const earlier = keyOf.get(field);
    if (earlier !== undefined) walk.bad(inner, `is given twice, as ${show(earlier)} and as ${show(key)}`);
    keyOf.set(field, key);
    if (value === null && !takesNull(field)) continue;
    if (field.oneof !== undefined) {
      const member = memberOf.get(field.oneof);
      if (member !== undefined)
        walk.bad(inner, `only one of ${field.oneof.name} may be set, and ${member.name} is already`);
      memberOf.set(field.oneof, field);
    }
    const checked = checkField(walk, field, value, inner, depth);
    if (checked !== undefined) copy[field.jsonName] = checked;
  }
  return copy;
}

/** Where null is a value and not the absence of one. */
function takesNull(field: DescField): boolean {
  if (field.fieldKind === "list" || field.fieldKind === "map") return false;
  return field.message?.typeName === "google.protobuf.Value" || field.enum?.typeName === "google.protobuf.NullValue";
}

function checkField(walk: Walk, field: DescField, json: unknown, path: string, depth: number): JsonValue | undefined {
  switch (field.fieldKind) {
    case "list":
      return checkList(walk, field, json, path, depth + 1);
    case "map":
      return checkMap(walk, field, json, path, depth + 1);
    default:
      return checkSingle(walk, field, json, path, depth + 1);
  }
}

/** One value of a field: the field itself, or an element of a list or map. */
function checkSingle(walk: Walk, field: DescField, json: unknown, path: string, depth: number): JsonValue | undefined {
  if (field.message !== undefined) return checkMessage(walk, field.message, json, path, depth);
  if (field.enum !== undefined) return checkEnum(walk, field.enum, json, path);
  return checkScalar(walk, field.scalar!, json, path);
}

function checkList(walk: Walk, field: DescField, json: unknown, path: string, depth: number): JsonValue | undefined {
  if (!Array.isArray(json)) return walk.wrongType(path, "a list", json);
  if (!walk.mayDescend(path, depth)) return undefined;
  const items = json.map((item, index) => {
    walk.spend(path);
    return checkSingle(walk, field, item, `${path}[${index}]`, depth + 1);
  });
  return items as JsonValue[];
}

function checkMap(
  walk: Walk,
  field: DescField & { fieldKind: "map" },
  json: unknown,
  path: string,
  depth: number,
): JsonValue | undefined {
  if (!isObject(json)) return walk.wrongType(path, "an object", json);
  if (!walk.mayDescend(path, depth)) return undefined;
  const copy: Record<string, JsonValue> = Object.create(null);
  for (const [key, value] of Object.entries(json)) {
    const inner = entryPath(path, key);
    const keyGood = checkMapKey(walk, field.mapKey, key, inner);
    const checked = checkSingle(walk, field, value, inner, depth + 1);
    if (keyGood && checked !== undefined) copy[key] = checked;
  }
  return copy;
}
