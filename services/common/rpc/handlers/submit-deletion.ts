import type { Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { operationInProgress } from "../../errors/errors.ts";
import type { Operations } from "../../jobs/api.ts";
import { checkEtag } from "../../names/etag.ts";
import { projectOf } from "../../names/resource-names.ts";
import { Violations } from "../../names/violations.ts";
import type { Kind, Resource, Transaction } from "../../store/api.ts";
import type { CallContext } from "../call.ts";
import { checkRequestId, requestKey } from "./request-key.ts";

export interface DeletionOptions<T extends Resource> {
  operations: Operations;
  call: CallContext;
  request: { name: string; etag: string; requestId: string };
  kind: Kind<T>;
  job: string;
  /** Checks what else stands against it, and writes into the record that it is being deleted. */
  mark(tx: Transaction, record: T): void | Promise<void>;
}

/** A deletion takes over from whatever runs on its target, but for another deletion. */
export function submitDeletion<T extends Resource>(options: DeletionOptions<T>): Promise<Operation> {
  const { operations, call, request, kind, job, mark } = options;
  const { name, etag, requestId } = request;
  const found = new Violations();
  checkRequestId(found, requestId);
  found.throwIfAny();
  const key = requestKey(call, requestId);
  return operations.submit({
    job,
    verb: "delete",
    kind,
    target: name,
    project: projectOf(name),
    host: (record) => record.meta?.host ?? "",
    ...(key === undefined ? {} : { requestKey: key }),
    async write(tx) {
      const record = await tx.need(kind, name);
      const meta = record.meta!;
      checkEtag(name, etag, meta.etag);
      if (meta.deleteTime && meta.operation !== "") throw operationInProgress(name, meta.operation);
      meta.deleteTime = tx.now;
      await mark(tx, record);
      tx.put(kind, record);
      return record;
    },
  });
}
