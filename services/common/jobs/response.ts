import type { Any } from "../../../proto/gen/google/protobuf/any.ts";
import type { Kind, Resource } from "../store/api.ts";

/**
 * What an operation that went well answers: the resource as it is written with the operation's end. Operations are shown in mirrors and to
 * viewers, so secrets are not in it; its version is known only after the write, and left out.
 */
export function responseOf<T extends Resource>(kind: Kind<T>, resource: T): Any {
  const shown = kind.redact?.(resource) ?? resource;
  const meta = shown.meta && { ...shown.meta, version: 0n };
  const value = Buffer.from(kind.message.encode({ ...shown, meta }).finish());
  return { typeUrl: `type.googleapis.com/${kind.typeName}`, value };
}
