import { isDeepStrictEqual } from "node:util";
import type { V1Node, V1Taint } from "@kubernetes/client-node";
import type { Step } from "../../common/jobs/api.ts";
import { changedLabels, changedTaints } from "../clusters/node-changes.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { changeOf } from "../jobs/update-node.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";
import { kubernetesNode } from "./register-nodes.ts";
import { waitUntil } from "./wait-until.ts";

const TIMEOUT_MS = 30_000;
const INTERVAL_MS = 100;
const MERGE_PATCH = "application/merge-patch+json";

/** Labels and taints of the node in Kubernetes: those that the spec had and has; what others gave it stays. */
export const changeLabels: Step<ClusterContext> = {
  name: "change-labels",
  timeoutMs: 2 * TIMEOUT_MS,
  attempts: 3,
  async do(ctx) {
    const { node, before } = changeOf(ctx);
    await change(ctx, await kubernetesNode(ctx, before), await kubernetesNode(ctx, node));
  },
  async undo(ctx) {
    const { node, before } = changeOf(ctx);
    await change(ctx, await kubernetesNode(ctx, node), await kubernetesNode(ctx, before));
  },
};

async function change(ctx: ClusterContext, from: V1Node, to: V1Node): Promise<void> {
  const labels = changedLabels(from.metadata!.labels!, to.metadata!.labels!);
  const taints = (present: readonly V1Taint[]): V1Taint[] | undefined =>
    changedTaints(present, from.spec!.taints ?? [], to.spec!.taints ?? []);
  if (Object.keys(labels).length === 0 && isDeepStrictEqual(from.spec!.taints, to.spec!.taints)) return;
  const { name } = to.metadata!;
  await waitUntil({
    what: `node ${name} has its labels and taints`,
    timeoutMs: TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: ctx.signal,
    look: async () => {
      const api = apiOf(ctx);
      const { signal } = ctx;
      const path = `/api/v1/nodes/${name}`;
      const present = await api.get<V1Node>(path, { signal });
      const next = taints(present.spec?.taints ?? []);
      if (Object.keys(labels).length === 0 && next === undefined) return true;
      // Taints are one list: what the node's controllers write meanwhile must not be lost.
      const { resourceVersion } = present.metadata!;
      const spec = next === undefined ? {} : { spec: { taints: next } };
      const body = { metadata: { labels, resourceVersion }, ...spec };
      try {
        await api.call("PATCH", path, { body, contentType: MERGE_PATCH, signal });
        return true;
      } catch (error) {
        if (isKubernetesStatus(error, 409)) return undefined;
        throw error;
      }
    },
  });
}
