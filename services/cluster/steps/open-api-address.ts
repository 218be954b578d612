import { findNetwork } from "../../common/engine/api/networks.ts";
import { unavailable } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { createApiStub, removeApiStub } from "../nodes/api-stub.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** With several control planes: the address that leads to those of them that serve. From here on it is kept without any job. */
export const openApiAddress: Step<ClusterContext> = {
  name: "open-api-address",
  timeoutMs: 30_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    if (controlPlanesOf(ctx.nodes).length < 2) return;
    const network = await findNetwork(ctx.tools.engine, ctx.networkName, { signal: ctx.signal });
    if (!network) throw unavailable("NETWORK_MISSING", `network ${ctx.networkName} is not there`);
    await Promise.all([
      ctx.tools.apiAddresses.open(ctx.cluster, ctx.nodes, network.Id),
      createApiStub(ctx.tools, ctx.cluster, ctx.signal),
    ]);
  },
  undo: removeApiAddress,
};

export const removeApiAddressStep: Step<ClusterContext> = {
  name: "remove-api-address",
  timeoutMs: 30_000,
  attempts: 10,
  do: removeApiAddress,
};

async function removeApiAddress({ tools, cluster, nodes, uid, signal }: ClusterContext): Promise<void> {
  // The only control plane's own.
  if (nodes.some(({ reservation }) => reservation?.ipv4 === cluster.reservation?.apiIpv4)) return;
  await Promise.all([tools.apiAddresses.remove(cluster, signal), removeApiStub(tools.engine, uid, signal)]);
}
