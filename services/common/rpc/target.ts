const NAME_CHARS_MAX = 255;

/** The resource a request is about, for the audit line: `name`, `parent`, or the name in the resource it carries. */
export function targetOf(request: unknown): string {
  if (typeof request !== "object" || request === null) return "";
  const { name, parent, meta } = request as { name?: unknown; parent?: unknown; meta?: { name?: unknown } };
  for (const candidate of [name, meta?.name, parent]) {
    if (typeof candidate === "string" && candidate !== "") return candidate.slice(0, NAME_CHARS_MAX);
  }
  // One level down: `instance.meta.name`, or the first message of a stream (`{ start: { name } }`, oneof `{ $case, value }`).
  for (const value of Object.values(request)) {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) continue;
    const inner =
      (value as { $case?: unknown; value?: unknown }).$case === undefined ? value : (value as { value: unknown }).value;
    const found = shallow(inner);
    if (found !== "") return found.slice(0, NAME_CHARS_MAX);
  }
  return "";
}

function shallow(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  const { name, meta } = value as { name?: unknown; meta?: { name?: unknown } };
  if (typeof meta?.name === "string") return meta.name;
  return typeof name === "string" ? name : "";
}
