import type Docker from "dockerode";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { findContainer } from "../../common/engine/api/containers.ts";
import { connectNetwork, disconnectNetwork, findNetwork } from "../../common/engine/api/networks.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { endpointOf } from "../nodes/container-options.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { ensureNetwork } from "./create-network.ts";
import { openApiAddress } from "./open-api-address.ts";
import { stopNode } from "./stop-nodes.ts";

const CALL_TIMEOUT_MS = 60_000;

interface Pinned {
  container: string;
  node: Node;
}

/**
 * The network is there, and every node at the address that is reserved for it, whatever others have done to them: etcd's members know each
 * other by it, and no two of them may change places. A node that runs at another address is stopped first, so that its start finds all that
 * it wrote for itself put right again.
 */
export const repinNodes: Step<ClusterContext> = {
  name: "repin-nodes",
  timeoutMs: 5 * 60_000,
  attempts: ENGINE_ATTEMPTS,
  // What kind made is in a network that is not ours, at addresses that the engine gives anew.
  needed: ({ cluster }) => !cluster.status?.adopted,
  async do(ctx) {
    if (!(await ensureNetwork(ctx))) {
      const text = `the engine gives the subnet ${ctx.cluster.reservation!.subnet} of ${ctx.name} to another network`;
      throw failedPrecondition("SUBNET_IN_USE", text, { subnet: ctx.cluster.reservation!.subnet });
    }
    const network = await findNetwork(ctx.tools.engine, ctx.networkName, { signal: ctx.signal });
    const found = await Promise.all(nodesOfJob(ctx).map((node) => astray(ctx, node, network!.Id)));
    const all = found.flatMap((each) => each ?? []);
    // All of them leave before the first comes: one may be at the address of another.
    await Promise.all(all.map((each) => leave(ctx, each)));
    for (const { container, node } of all) {
      ctx.log.info({ container, ipv4: node.reservation!.ipv4 }, "node put back at its address");
      const body = { Container: container, EndpointConfig: endpointOf(ctx.cluster, node) };
      await connectNetwork(ctx.tools.engine, network!.Id, body, limits(ctx));
    }
    await openApiAddress.do(ctx);
  },
};

/** Undefined for a node that is where it belongs, or whose container is gone. */
async function astray(ctx: ClusterContext, node: Node, networkId: string): Promise<Pinned | undefined> {
  const container = containerNameOfNode(node.meta!.name);
  const raw = await findContainer(ctx.tools.engine, container, { signal: ctx.signal });
  const { ipv4 } = node.reservation!;
  return !raw || isPinned(raw, { network: ctx.networkName, networkId, ipv4 }) ? undefined : { container, node };
}

export interface Place {
  network: string;
  networkId: string;
  ipv4: string;
}

/** Whether the container is, or will be when it starts, in that network at that address. */
export function isPinned({ NetworkSettings, State }: Docker.ContainerInspectInfo, place: Place): boolean {
  const endpoint = NetworkSettings.Networks[place.network] as Endpoint | undefined;
  if (endpoint?.IPAMConfig?.IPv4Address !== place.ipv4) return false;
  // A network that was made anew under the same name is another one. One that never started has no id yet.
  if (endpoint.NetworkID !== "" && endpoint.NetworkID !== place.networkId) return false;
  return !State.Running || endpoint.IPAddress === place.ipv4;
}

interface Endpoint {
  IPAMConfig?: { IPv4Address?: string } | null;
  IPAddress: string;
  NetworkID: string;
}

async function leave(ctx: ClusterContext, { container }: Pinned): Promise<void> {
  const { engine } = ctx.tools;
  const raw = await findContainer(engine, container, { signal: ctx.signal });
  if (!raw) return;
  await stopNode(ctx, { id: raw.Id, state: raw.State.Status });
  if (raw.NetworkSettings.Networks[ctx.networkName]) {
    await disconnectNetwork(engine, ctx.networkName, { Container: container, Force: true }, limits(ctx));
  }
}

function limits({ signal }: ClusterContext) {
  return { signal, timeoutMs: CALL_TIMEOUT_MS };
}
