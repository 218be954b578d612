import { PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { findContainer } from "../../common/engine/api/containers.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { routesFile } from "../network/pod-network-files.ts";
import { parseRoutes, podRoutes, ROUTE_PROTOCOL, routeChanges } from "../network/pod-routes.ts";
import { putFiles } from "../nodes/put-files.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { aboutNode } from "./node-trouble.ts";

/** Not below /run: the engine puts nothing into a node's temporary file systems. */
const CHANGES_PATH = "/etc/gantry/pod-route-changes";
/** Of the largest cluster's routes, and more. */
const ROUTES_BYTES_MAX = 64 * 1024;
const SHOW_ROUTES = ["ip", "-json", "route", "show", "proto", String(ROUTE_PROTOCOL)];

/** The ways of `nodes` to the pods of `all`: as their next start will make them, and in the kernel of those that run. */
export async function writePodRoutes(ctx: ClusterContext, nodes: readonly Node[], all: readonly Node[]): Promise<void> {
  if (ctx.cluster.spec!.networking!.podNetwork !== PodNetwork.POD_NETWORK_KERNEL) return;
  await Promise.all(nodes.map((node) => writeRoutes(ctx, node, all)));
}

async function writeRoutes(ctx: ClusterContext, node: Node, all: readonly Node[]): Promise<void> {
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(node.meta!.name);
  const found = await findContainer(engine, container, { signal });
  if (!found) return;
  const routes = podRoutes(node, all);
  await putFiles(engine, container, [routesFile(routes)], signal);
  if (!found.State.Running || found.State.Paused) return;
  await aboutNode(ctx, container, async () => {
    const shown = await runInNode({
      engine,
      container,
      command: SHOW_ROUTES,
      outputBytesMax: ROUTES_BYTES_MAX,
      signal,
    });
    const changes = routeChanges(parseRoutes(shown), routes);
    if (changes === "") return;
    await putFiles(engine, container, [{ path: CHANGES_PATH, mode: 0o644, content: changes }], signal);
    await runInNode({ engine, container, command: ["ip", "-batch", CHANGES_PATH], signal });
  });
}
