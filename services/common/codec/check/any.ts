import type { JsonValue } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { checkFields, checkMessage } from "./message.ts";
import { type Walk, isObject, memberPath, show } from "./walk.ts";

/** google.protobuf.Any: `{"@type": "type.googleapis.com/<message>", ...}`, or `{}` for one that is empty. */
export function checkAny(walk: Walk, json: unknown, path: string, depth: number): JsonValue | undefined {
  if (!isObject(json)) return walk.wrongType(path, 'an object with "@type"', json);
  if (!walk.mayDescend(path, depth)) return undefined;
  const keys = Object.keys(json);
  if (keys.length === 0) return {};
  const typePath = memberPath(path, "@type");
  const typeUrl: unknown = Object.hasOwn(json, "@type") ? json["@type"] : undefined;
  if (typeUrl === undefined) return walk.bad(typePath, "is required");
  if (typeof typeUrl !== "string") return walk.wrongType(typePath, "a string", typeUrl);
  walk.spend(typePath, typeUrl);
  const found = /^[^/].*\/([^/]+)$/.exec(typeUrl);
  if (found === null) return walk.bad(typePath, `${show(typeUrl)} is not of the form type.googleapis.com/<message>`);
  const desc = walk.registry.getMessage(found[1]!);
  if (desc === undefined) return walk.bad(typePath, `${show(found[1]!)} is not a known message`);

  if (!hasCustomJsonRepresentation(desc)) {
    const fields = checkFields(walk, desc, json, path, depth, "@type");
    return fields === undefined ? undefined : { ...(fields as object), "@type": typeUrl };
  }
  for (const key of keys) {
    if (key !== "@type" && key !== "value") walk.bad(memberPath(path, key), `only "@type" and "value" belong here`);
  }
  const valuePath = memberPath(path, "value");
  if (!Object.hasOwn(json, "value")) return walk.bad(valuePath, "is required");
  const value = checkMessage(walk, desc, json["value"], valuePath, depth + 1);
  return value === undefined ? undefined : { "@type": typeUrl, value };
}
