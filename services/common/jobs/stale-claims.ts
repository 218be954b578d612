import type { Kind, Resource, Store } from "../store/api.ts";
import { operationKind } from "./kind.ts";

/**
 * After a loss of Redis's data records come back from files, each as it was last written there: a resource may then name an operation that
 * has ended, or that is lost. It is freed, or nothing would ever be put right on it. Only what is of this host: the file of its operation is
 * here too. Returns how many were freed.
 */
export async function freeStaleClaims(store: Store, kinds: Iterable<Kind<Resource>>, host: string): Promise<number> {
  let freed = 0;
  for (const kind of kinds) {
    for await (const { meta } of store.all(kind)) {
      if (meta && meta.host === host && meta.operation !== "" && (await free(store, kind, meta.name))) freed += 1;
    }
  }
  return freed;
}

function free(store: Store, kind: Kind<Resource>, name: string): Promise<boolean> {
  return store.transact(async (tx) => {
    const record = await tx.get(kind, name);
    if (!record?.meta || record.meta.operation === "") return false;
    const operation = await tx.get(operationKind, record.meta.operation);
    if (operation && !operation.operation?.done) return false;
    record.meta.operation = "";
    tx.put(kind, record);
    return true;
  });
}
