import type { Redis } from "ioredis";
import type { StoreKeys } from "../../redis/keys.ts";
import type { AnyKind } from "../api.ts";
import type { FileHeader } from "../files/format.ts";
import { newerSchema } from "./stored.ts";

/** Throws when Redis or a record file has records that this version of Gantry cannot read. */
export async function checkSchemas(
  redis: Redis,
  keys: StoreKeys,
  kinds: ReadonlyMap<string, AnyKind>,
  files: FileHeader[],
): Promise<void> {
  const stored = await redis.hgetall(keys.meta);
  for (const kind of kinds.values()) {
    const found = Number(stored[`schema:${kind.name}`] ?? 0);
    if (found > kind.schema) throw newerSchema(kind, found);
  }
  for (const file of files) {
    const kind = kinds.get(file.kind);
    if (kind !== undefined && file.schema > kind.schema) throw newerSchema(kind, file.schema);
  }
}
