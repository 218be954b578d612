import type { GetOperationRequest, Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { parseOperationName } from "../../names/operation-names.ts";
import type { Store } from "../../store/api.ts";
import { operationKind } from "../kind.ts";
import { operationOf } from "../metadata.ts";

export async function getOperation(store: Store, { name }: GetOperationRequest): Promise<Operation> {
  parseOperationName(name);
  return operationOf(await store.need(operationKind, name));
}
