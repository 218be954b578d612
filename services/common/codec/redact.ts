import type { DescMessage, JsonObject, JsonValue, Registry } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";

/** What must go from the JSON of one message, and where to look further. */
interface Plan {
  /** JSON names of fields marked `debug_redact`. */
  drop: string[];
  /** Fields whose messages may hold such fields. */
  visit: { jsonName: string; kind: "single" | "list" | "map"; desc: DescMessage }[];
}

const ANY = "google.protobuf.Any";

/** Takes what is marked `debug_redact` out of a message's JSON, in place, also inside lists, maps and Any. */
export class Redactor {
  readonly #registry: Registry;
  readonly #plans = new Map<DescMessage, Plan>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  redact(desc: DescMessage, json: JsonValue): void {
    if (typeof json !== "object" || json === null || Array.isArray(json)) return;
    if (desc.typeName === ANY) return this.#redactAny(json);
    const plan = this.#plan(desc);
    for (const name of plan.drop) delete json[name];
    for (const { jsonName, kind, desc } of plan.visit) {
      const value = json[jsonName];
      if (value === undefined || value === null) continue;
      if (kind === "single") this.redact(desc, value);
      else for (const item of Object.values(value)) this.redact(desc, item as JsonValue);
    }
  }

  #redactAny(json: JsonObject): void {
    const typeUrl = json["@type"];
    if (typeof typeUrl !== "string") return;
    const desc = this.#registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
    if (desc === undefined) return;
    if (hasCustomJsonRepresentation(desc)) this.redact(desc, json["value"] ?? null);
    else this.redact(desc, json);
  }

  #plan(desc: DescMessage): Plan {
    let plan = this.#plans.get(desc);
    if (plan === undefined) {
      plan = { drop: [], visit: [] };
      for (const field of desc.fields) {
        if (field.proto.options?.debugRedact === true) plan.drop.push(field.jsonName);
        else if (field.message !== undefined && mayHoldSecrets(field.message, new Set())) {
          const kind = field.fieldKind === "message" ? "single" : (field.fieldKind as "list" | "map");
          plan.visit.push({ jsonName: field.jsonName, kind, desc: field.message });
        }
      }
      this.#plans.set(desc, plan);
    }
    return plan;
  }
}

function mayHoldSecrets(desc: DescMessage, seen: Set<DescMessage>): boolean {
  if (desc.typeName === ANY) return true;
  if (hasCustomJsonRepresentation(desc) || seen.has(desc)) return false;
  seen.add(desc);
  return desc.fields.some(
    (field) =>
      field.proto.options?.debugRedact === true || (field.message !== undefined && mayHoldSecrets(field.message, seen)),
  );
}
