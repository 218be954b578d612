import {
  OperationMetadata,
  OperationState,
  type OperationRecord,
} from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";

export const METADATA_TYPE_URL = "type.googleapis.com/gantry.common.v1.OperationMetadata";

/** As OperationMetadata.message has it. */
const MESSAGE_MAX_BYTES = 256;

export function operationOf(record: OperationRecord): Operation {
  if (record.operation === undefined) throw new Error(`operation record ${record.meta?.name} has no operation`);
  return record.operation;
}

export function operationName(record: OperationRecord): string {
  return operationOf(record).name;
}

export function readMetadata(record: OperationRecord): OperationMetadata {
  const bytes = record.operation?.metadata?.value;
  return bytes === undefined ? OperationMetadata.fromPartial({ percent: -1 }) : OperationMetadata.decode(bytes);
}

export function writeMetadata(record: OperationRecord, metadata: OperationMetadata): void {
  operationOf(record).metadata = {
    typeUrl: METADATA_TYPE_URL,
    value: Buffer.from(OperationMetadata.encode(metadata).finish()),
  };
}

/** One line, cut to what the metadata may hold without splitting a character. */
export function progressLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const bytes = Buffer.from(line);
  if (bytes.length <= MESSAGE_MAX_BYTES) return line;
  let end = MESSAGE_MAX_BYTES - 3;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString()}…`;
}

export { OperationMetadata, OperationState };
