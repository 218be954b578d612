type Map = Record<string, unknown>;

/** Lists that grow by a merge instead of being replaced by it, as with kind. */
const UNIONS = new Set(["certSANs"]);
/** Flags, which a patch may write as a map or as a list, whatever the document has. */
const FLAGS = new Set(["extraArgs", "kubeletExtraArgs"]);

/** `target` with `patch` merged into it (RFC 7386: null removes; lists are replaced); `target` stays as it is. */
export function mergeInto(target: Map, patch: Map, apiVersion: string): Map {
  const merged = new Map(Object.entries(target));
  for (const [field, change] of Object.entries(patch)) {
    const value = mergeField(field, merged.get(field), change, apiVersion);
    if (value === undefined) merged.delete(field);
    else merged.set(field, value);
  }
  return Object.fromEntries(merged);
}

/** `undefined`: the field goes. */
function mergeField(field: string, present: unknown, change: unknown, apiVersion: string): unknown {
  if (change === null) return undefined;
  if (FLAGS.has(field)) return mergeFlags(present, change, apiVersion);
  if (UNIONS.has(field) && Array.isArray(change))
    return [...new Set([...(Array.isArray(present) ? present : []), ...change])];
  if (isMap(change)) return mergeInto(isMap(present) ? present : {}, change, apiVersion);
  return change;
}

function mergeFlags(present: unknown, change: unknown, apiVersion: string): unknown {
  const merged = mergeInto(flagMap(present), flagMap(change), "");
  if (!apiVersion.endsWith("/v1beta4")) return merged;
  return Object.entries(merged).map(([name, value]) => ({ name, value }));
}

/** Flags by name. */
function flagMap(flags: unknown): Map {
  if (isMap(flags)) return flags;
  if (!Array.isArray(flags)) return {};
  return Object.fromEntries(
    flags.flatMap((flag): [string, unknown][] =>
      isMap(flag) && typeof flag["name"] === "string" ? [[flag["name"], flag["value"] ?? null]] : [],
    ),
  );
}

function isMap(value: unknown): value is Map {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
