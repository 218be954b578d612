import type { Codec } from "../../services/common/codec/codec.ts";
import type { ExactJson } from "../../services/common/codec/text.ts";
import type { CommandFields } from "./frame-fields.ts";
import type { Method } from "./methods.ts";

const REQUEST_ID = "request_id";

/** The encoded request of a frame; its `request_id` is used where the method has one and the body does not. */
export function requestBytes(codec: Codec, method: Method, fields: Pick<CommandFields, "body" | "requestId">): Buffer {
  return encode(codec, method, withRequestId(method, fields.body ?? {}, fields.requestId));
}

export function encode(codec: Codec, method: Method, body: ExactJson): Buffer {
  const bytes = codec.fromJson(method.input.typeName, body);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function withRequestId(method: Method, body: ExactJson, requestId: string | undefined): ExactJson {
  const field = method.input.fields.find((candidate) => candidate.name === REQUEST_ID);
  if (requestId === undefined || field === undefined) return body;
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  if (Object.hasOwn(body, field.name) || Object.hasOwn(body, field.jsonName)) return body;
  return { ...body, [field.jsonName]: requestId };
}
