import { type CommitOptions, DuplicateRequest, type Store, type Transaction } from "../../store/api.ts";

/**
 * A write without an operation that a request id makes repeatable: the repeat gets what the name stands for now. `value` is what is
 * remembered, the name of the resource.
 */
export async function writeOnce<R>(
  store: Store,
  request: { key: string | undefined; value: string },
  write: (tx: Transaction) => Promise<R>,
  repeated: (value: string) => Promise<R>,
): Promise<R> {
  const options: CommitOptions = { durable: true };
  if (request.key !== undefined) options.request = { key: request.key, value: request.value };
  try {
    return await store.transact(write, options);
  } catch (error) {
    if (error instanceof DuplicateRequest) return repeated(error.value);
    throw error;
  }
}
