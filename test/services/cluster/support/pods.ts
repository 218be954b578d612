import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { KubernetesClient } from "../../../../services/cluster/kubernetes/client.ts";
import type { Engine } from "../../../../services/common/engine/engine.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { runInNode } from "../../../../services/cluster/nodes/run-in-node.ts";

const INTERVAL_MS = 50;
const HTTP_TIMEOUT_MS = 2_000;
/** In node images of the tests. */
export const POD_IMAGE = "docker.io/library/busybox:1.35";

/** A web server in a pod: it answers `/hostname` with its own name. */
export function webPod(name: string, node?: string): V1Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      ...(node === undefined ? {} : { nodeName: node }),
      containers: [
        {
          name: "web",
          image: POD_IMAGE,
          imagePullPolicy: "IfNotPresent",
          command: ["httpd", "-f", "-p", "80", "-h", "/etc"],
        },
      ],
    },
  };
}

/** Makes it as soon as the cluster takes it, and waits until it runs; resolves to its address and node. */
export async function runPod(
  api: KubernetesClient,
  pod: V1Pod,
  timeoutMs: number,
): Promise<{ ip: string; node: string }> {
  const path = "/api/v1/namespaces/default/pods";
  const signal = AbortSignal.timeout(timeoutMs);
  const name = pod.metadata!.name!;
  await eventually(signal, `pod ${name} is taken`, () => api.call<V1Pod>("POST", path, { body: pod, signal }));
  return eventually(signal, `pod ${name} runs`, async () => {
    const { status, spec } = await api.get<V1Pod>(`${path}/${name}`, { signal });
    if (status?.containerStatuses?.[0]?.ready !== true || !status.podIP) return undefined;
    return { ip: status.podIP, node: spec!.nodeName! };
  });
}

/** Asks a pod from a node's network, over HTTP, until it answers. */
export async function askPod(engine: Engine, container: string, ip: string, timeoutMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  const script = `exec 3<>/dev/tcp/${ip}/80 && printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
  return eventually(signal, `${ip} answers`, () =>
    runInNode({ engine, container, command: ["timeout", "2", "bash", "-c", script], signal }),
  );
}

/** Over HTTP from the host. */
export async function askUrl(url: string, timeoutMs: number): Promise<string> {
  return eventually(AbortSignal.timeout(timeoutMs), `${url} answers`, () => ask(url));
}

function ask(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: HTTP_TIMEOUT_MS }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => (text += part.toString()));
      answer.on("end", () => resolve(text));
      answer.on("error", () => resolve(undefined));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(undefined));
  });
}

async function eventually<T>(signal: AbortSignal, what: string, look: () => Promise<T | undefined>): Promise<T> {
  let last: unknown = "not yet";
  while (!signal.aborted) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof GantryError)) throw error;
      last = error;
    }
    await delay(INTERVAL_MS);
  }
  throw new Error(`${what}: not in time`, { cause: last });
}
