import type { CancelOperationRequest } from "../../../../proto/gen/google/longrunning/operations.ts";
import type { Empty } from "../../../../proto/gen/google/protobuf/empty.ts";
import { parseOperationName } from "../../names/operation-names.ts";
import type { OperationQueue } from "../operations.ts";

/** Asks for it and returns: how it went is in the operation, which may still end well. */
export async function cancelOperation(operations: OperationQueue, { name }: CancelOperationRequest): Promise<Empty> {
  parseOperationName(name);
  await operations.cancel(name);
  return {};
}
