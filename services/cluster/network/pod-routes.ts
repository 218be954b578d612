import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";

/** Of routes that are Gantry's (`ip route … proto 196`): what others put in place is left alone. */
export const ROUTE_PROTOCOL = 196;

export interface PodRoute {
  /** Range of another node's pods. */
  podCidr: string;
  /** That node's address. */
  via: string;
}

/** What a node needs so that its pods reach those of all others, in the order of the nodes. */
export function podRoutes(node: Node, nodes: readonly Node[]): PodRoute[] {
  return nodes.flatMap(({ meta, reservation }) =>
    meta!.name === node.meta!.name || !reservation || reservation.podCidr === ""
      ? []
      : [{ podCidr: reservation.podCidr, via: reservation.ipv4 }],
  );
}

/** Lines for `ip -batch` that make them, whether they are there or not. */
export function routeBatch(routes: readonly PodRoute[]): string {
  return routes.map(({ podCidr, via }) => `route replace ${podCidr} via ${via} proto ${ROUTE_PROTOCOL}\n`).join("");
}

/** From `ip -json route show proto 196`. */
export function parseRoutes(json: string): PodRoute[] {
  const routes = JSON.parse(json === "" ? "[]" : json) as { dst?: string; gateway?: string }[];
  return routes.flatMap(({ dst, gateway }) => (dst && gateway ? [{ podCidr: dst, via: gateway }] : []));
}

/** Lines for `ip -batch` that turn the routes there are into those that are wanted; empty when they are the same. */
export function routeChanges(present: readonly PodRoute[], wanted: readonly PodRoute[]): string {
  const has = (routes: readonly PodRoute[], { podCidr, via }: PodRoute): boolean =>
    routes.some((route) => route.podCidr === podCidr && route.via === via);
  const gone = present.filter(({ podCidr }) => !wanted.some((route) => route.podCidr === podCidr));
  return [
    routeBatch(wanted.filter((route) => !has(present, route))),
    ...gone.map(({ podCidr, via }) => `route del ${podCidr} via ${via} proto ${ROUTE_PROTOCOL}\n`),
  ].join("");
}
