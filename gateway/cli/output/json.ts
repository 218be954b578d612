import { codec } from "../../../services/common/codec/codec.ts";
import type { ResourceKind } from "../resources/kind.ts";

/** The item as ProtoJSON. */
export function toJson<T>(kind: Pick<ResourceKind<T>, "typeName" | "message">, item: T): unknown {
  return codec.toJson(kind.typeName, kind.message.encode(item).finish());
}
