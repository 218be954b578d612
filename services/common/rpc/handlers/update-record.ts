import { checkEtag } from "../../names/etag.ts";
import { applyMask, checkMask } from "../../names/field-mask.ts";
import { Violations } from "../../names/violations.ts";
import type { CallContext } from "../call.ts";
import type { Kind, Resource, Store } from "../../store/api.ts";
import { checkMeta } from "./check-meta.ts";
import { checkRequestId, requestKey } from "./request-key.ts";
import { writeOnce } from "./write-once.ts";

export interface RecordUpdate<T extends Resource> {
  kind: Kind<T>;
  /** The request's field that holds the resource, for example `mirror`. */
  field: string;
  /** As sent; its `meta.name` is a good one. */
  asked: T;
  mask: readonly string[] | undefined;
  requestId: string;
  /** Paths that can be changed. */
  mutable: readonly string[];
  /** See MaskOptions. */
  blank: T;
  /** What is wrong with the record as it would be. */
  check?: (found: Violations, record: T) => void;
}

/** Update of what takes effect by being written (no operation). INVALID_ARGUMENT with every bad field at once. */
export function updateRecord<T extends Resource>(store: Store, call: CallContext, update: RecordUpdate<T>): Promise<T> {
  const { kind, field, asked, mask = [], requestId, mutable, blank, check } = update;
  const { name, etag } = asked.meta!;
  return writeOnce(
    store,
    { key: requestKey(call, requestId), value: name },
    async (tx) => {
      const record = await tx.need(kind, name);
      checkEtag(name, etag, record.meta!.etag);
      const found = new Violations();
      checkRequestId(found, requestId);
      checkMeta(found, field, asked.meta);
      const good = checkMask(found, mask, mutable);
      applyMask({ mask: good, allowed: mutable, from: asked, to: record, blank });
      check?.(found, record);
      found.throwIfAny();
      tx.put(kind, record);
      return record;
    },
    (value) => store.need(kind, value),
  );
}
