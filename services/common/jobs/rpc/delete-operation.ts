import type { DeleteOperationRequest } from "../../../../proto/gen/google/longrunning/operations.ts";
import type { Empty } from "../../../../proto/gen/google/protobuf/empty.ts";
import { failedPrecondition } from "../../errors/errors.ts";
import { parseOperationName } from "../../names/operation-names.ts";
import type { Store } from "../../store/api.ts";
import { operationKind } from "../kind.ts";

/** Removes the record of an operation that has ended. FAILED_PRECONDITION while it runs: deleting is not cancelling. */
export async function deleteOperation(store: Store, { name }: DeleteOperationRequest): Promise<Empty> {
  parseOperationName(name);
  await store.transact(async (tx) => {
    const record = await tx.need(operationKind, name);
    if (!record.operation?.done) {
      throw failedPrecondition("OPERATION_NOT_DONE", `${name} has not ended: cancel it or wait for it`, { name });
    }
    tx.delete(operationKind, name);
  });
  return {};
}
