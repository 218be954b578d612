import type { V1Node, V1Pod } from "@kubernetes/client-node";
import { GantryError } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";

const SOURCE = "kubernetes.io/config.source";
const HASH = "kubernetes.io/config.hash";
const MIRROR = "kubernetes.io/config.mirror";

/**
 * The pods of etcd and the API server are shown in the cluster. Their kubelet began them before there was an API to tell of them, and would try
 * that again a minute or more later: what it would then write is written now, in its own words.
 */
export const showStaticPods: Step<ClusterContext> = {
  name: "show-static-pods",
  timeoutMs: 60_000,
  attempts: 2,
  needed: (ctx) => controlPlanesOf(nodesOfJob(ctx)).length > 0,
  async do(ctx) {
    const names = controlPlanesOf(nodesOfJob(ctx)).map(({ reservation }) => reservation!.kubernetesName);
    await Promise.all(
      names.map(async (name) => {
        try {
          await showPodsOf(ctx, name);
        } catch (error) {
          ctx.signal.throwIfAborted();
          if (!(error instanceof GantryError)) throw error;
          ctx.log.warn(
            { err: error, node: name },
            "a node's static pods are shown only when its kubelet tells of them",
          );
        }
      }),
    );
  },
};

async function showPodsOf(ctx: ClusterContext, nodeName: string): Promise<void> {
  const api = apiOf(ctx);
  const { signal } = ctx;
  const query = { fieldSelector: `spec.nodeName=${nodeName}` };
  const [node, known, own] = await Promise.all([
    api.get<V1Node>(`/api/v1/nodes/${nodeName}`, { signal }),
    api.get<{ items: V1Pod[] }>("/api/v1/pods", { query, signal }),
    // As the kubelet has them.
    api.get<{ items: V1Pod[] | null }>(`/api/v1/nodes/${nodeName}/proxy/pods`, { signal }),
  ]);
  const shown = new Set(known.items.map(pathOf));
  const missing = (own.items ?? []).filter(
    (pod) => pod.metadata?.annotations?.[SOURCE] === "file" && !shown.has(pathOf(pod)),
  );
  await Promise.all(missing.map((pod) => show(ctx, pod, node.metadata!.uid!)));
}

async function show(ctx: ClusterContext, { metadata, spec, status }: V1Pod, nodeUid: string): Promise<void> {
  const { name, namespace, labels, annotations = {} } = metadata!;
  const owner = { apiVersion: "v1", kind: "Node", name: spec!.nodeName!, uid: nodeUid, controller: true };
  const mirror = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels,
      annotations: { ...annotations, [MIRROR]: annotations[HASH] },
      ownerReferences: [owner],
    },
    spec,
  };
  const api = apiOf(ctx);
  const path = pathOf({ metadata: metadata! });
  try {
    await api.call("POST", path.slice(0, path.lastIndexOf("/")), { body: mirror, signal: ctx.signal });
  } catch (error) {
    // By its kubelet, meanwhile.
    if (isKubernetesStatus(error, 409)) return;
    throw error;
  }
  const contentType = "application/merge-patch+json";
  await api.call("PATCH", `${path}/status`, { body: { status }, contentType, signal: ctx.signal });
}

function pathOf({ metadata }: V1Pod): string {
  return `/api/v1/namespaces/${metadata!.namespace}/pods/${metadata!.name}`;
}
