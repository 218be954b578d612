import { codec } from "../../../services/common/codec/codec.ts";
import type { ResourceKind } from "../resources.ts";

/** The item as ProtoJSON. */
export function toJson<T>(kind: ResourceKind<T>, item: T): unknown {
  return codec.toJson(kind.typeName, kind.message.encode(item).finish());
}
