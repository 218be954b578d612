import { isDeepStrictEqual } from "node:util";
import { ENGINE_KINDS, type EngineKind, type EngineStates } from "../state.ts";

export type EngineChange = {
  [K in EngineKind]:
    | { type: "put"; kind: K; id: string; object: EngineStates[K]; previous: EngineStates[K] | undefined }
    | { type: "delete"; kind: K; id: string; previous: EngineStates[K] };
}[EngineKind];

/** Everything known of an engine: by kind, by id. */
export type Tables = { [K in EngineKind]: Map<string, EngineStates[K]> };

export function emptyTables(): Tables {
  return { container: new Map(), image: new Map(), network: new Map(), volume: new Map() };
}

/** Undefined when the object is as it was. */
export function putObject<K extends EngineKind>(
  tables: Tables,
  kind: K,
  object: EngineStates[K],
): EngineChange | undefined {
  const table = tables[kind] as Map<string, EngineStates[K]>;
  const previous = table.get(object.id);
  if (previous !== undefined && isDeepStrictEqual(previous, object)) return undefined;
  table.set(object.id, object);
  return { type: "put", kind, id: object.id, object, previous } as EngineChange;
}

/** Undefined when it was not there. */
export function deleteObject(tables: Tables, kind: EngineKind, id: string): EngineChange | undefined {
  const previous = tables[kind].get(id);
  if (previous === undefined) return undefined;
  tables[kind].delete(id);
  return { type: "delete", kind, id, previous } as EngineChange;
}

/** What turns `before` into `after`. Deletions come first, so that a name passes from one object to the next. */
export function diffTables(before: Tables, after: Tables): EngineChange[] {
  return ENGINE_KINDS.flatMap((kind) => diffTable(kind, before[kind], after[kind]));
}

function diffTable(
  kind: EngineKind,
  before: ReadonlyMap<string, EngineStates[EngineKind]>,
  after: ReadonlyMap<string, EngineStates[EngineKind]>,
): EngineChange[] {
  const changes: EngineChange[] = [];
  for (const [id, previous] of before) {
    if (!after.has(id)) changes.push({ type: "delete", kind, id, previous } as EngineChange);
  }
  for (const [id, object] of after) {
    const previous = before.get(id);
    if (!isDeepStrictEqual(previous, object)) changes.push({ type: "put", kind, id, object, previous } as EngineChange);
  }
  return changes;
}
