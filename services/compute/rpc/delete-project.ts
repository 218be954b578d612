import type { DeleteProjectRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Empty } from "../../../proto/gen/google/protobuf/empty.ts";
import { status as Code } from "@grpc/grpc-js";
import { failedPrecondition, GantryError } from "../../common/errors/errors.ts";
import { DEFAULT_PROJECT } from "../../common/names/engine-names.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { parseName, PROJECT } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { Kind, Resource, Store } from "../../common/store/api.ts";
import type { ComputeContext } from "../context.ts";
import { instanceKind, mirrorKind, projectKind } from "../kinds.ts";

/**
 * First the project is marked, which turns away (and makes run again) whatever is being created in it; only then it is known whether it
 * has anything. A mark left by a crash is taken up by the next call.
 */
export function deleteProject({ store, clusters }: ComputeContext) {
  return unary<DeleteProjectRequest, Empty>({
    access: () => ({ role: "realm-admin" }),
    async handler({ name, etag }, { signal }) {
      const { project } = parseName(PROJECT, name);
      if (project === DEFAULT_PROJECT)
        throw failedPrecondition("DEFAULT_PROJECT", `${name} cannot be deleted`, { name });
      await store.mutate(projectKind, name, (record, tx) => {
        checkEtag(name, etag, record.meta!.etag);
        record.meta!.deleteTime ??= tx.now;
      });
      const unmark = (): Promise<unknown> =>
        store.mutate(projectKind, name, (record) => void (record.meta!.deleteTime = undefined));
      const content = await contentOf(store, clusters, name, signal).catch(async (error: unknown) => {
        await unmark();
        throw error;
      });
      if (content === undefined) {
        await store.transact(
          async (tx) => {
            const record = await tx.get(projectKind, name);
            if (!record) return;
            // Another deletion, made at the same time, has taken the mark away: something may have been created since.
            if (!record.meta?.deleteTime) throw changedMeanwhile(name);
            tx.delete(projectKind, name);
          },
          { durable: true },
        );
        return {};
      }
      await unmark();
      throw failedPrecondition("PROJECT_NOT_EMPTY", `${name} still has ${content}`, { name, content });
    },
  });
}

function changedMeanwhile(name: string): GantryError {
  return new GantryError(Code.ABORTED, `${name} was changed by another: try again`, { reason: "CONFLICT" });
}

/** Name of something that the project has. */
async function contentOf(
  store: Store,
  clusters: ComputeContext["clusters"],
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  return (
    (await firstIn(store, instanceKind, name)) ??
    (await firstIn(store, mirrorKind, name)) ??
    (await clusters?.firstIn(name, signal))
  );
}

/** Name of something of that kind that the project has. */
async function firstIn<T extends Resource>(store: Store, kind: Kind<T>, name: string): Promise<string | undefined> {
  for await (const record of store.all(kind, `${name}/`)) return record.meta?.name;
  return undefined;
}
