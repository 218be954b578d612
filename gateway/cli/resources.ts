import type { Connection } from "./connection.ts";
import { UsageError } from "./exit-codes.ts";
import { clusterKinds } from "./resources/cluster.ts";
import { computeKinds } from "./resources/compute.ts";
import type { ListQuery, ResourceKind } from "./resources/kind.ts";
import { kubernetesKinds } from "./resources/kubernetes.ts";
import { suggestion } from "./suggest.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- of different message types: each entry is used only with its own items
export const resourceKinds: readonly ResourceKind<any>[] = [...computeKinds, ...clusterKinds];

/** Kinds as they are typed, those that clusters' APIs show included. */
export const kindWords: readonly string[] = [...resourceKinds, ...kubernetesKinds].map((kind) => kind.plural);

/** `also`: further kinds that would have been right where the word stands. */
// oxlint-disable-next-line typescript/no-explicit-any -- as above
export function findKind(word: string, also: readonly { singular: string; plural: string }[] = []): ResourceKind<any> {
  const kind = resourceKinds.find((k) => isCalled(k, word));
  if (kind) return kind;
  const known = [...resourceKinds, ...also];
  const words = known.flatMap(({ plural, singular }) => [plural, singular]);
  throw new UsageError(
    `no kind of resource is called "${word}"${suggestion(word, words)}\nKinds: ${known.map(({ plural }) => plural).join(", ")}`,
  );
}

export function isCalled(
  kind: { singular: string; plural: string; aliases: readonly string[] },
  word: string,
): boolean {
  return kind.singular === word || kind.plural === word || kind.aliases.includes(word);
}

export async function listAll<T>(kind: ResourceKind<T>, connection: Connection, query: ListQuery): Promise<T[]> {
  if (kind.singular === "operation" && query.labelSelector !== "") throw new UsageError("operations have no labels");
  if (kind.singular !== "node" && query.cluster !== "") throw new UsageError(`${kind.plural} are no part of a cluster`);
  const items: T[] = [];
  let token = "";
  do {
    const page = await kind.page(connection, query, token);
    items.push(...page.items);
    token = page.next;
  } while (token !== "");
  return items;
}
