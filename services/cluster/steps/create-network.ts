import { status as Code } from "@grpc/grpc-js";
import { createNetwork, findNetwork, removeNetwork } from "../../common/engine/api/networks.ts";
import { EngineError, isSubnetOverlap } from "../../common/engine/errors.ts";
import { LABEL_UID, ofAnotherRealm } from "../../common/engine/labels.ts";
import { networkFromInspect } from "../../common/engine/state.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { parseRange } from "../../common/network/cidr.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { engineNetworkBody } from "../network/engine-network.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { reserveSubnet } from "./reserve.ts";

/** Subnets tried when the engine finds one taken that looked free. */
const TRIES_MAX = 16;

export const createNetworkStep: Step<ClusterContext> = {
  name: "create-network",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const refused: string[] = [];
    while (!(await ensureNetwork(ctx))) {
      refused.push(ctx.cluster.reservation!.subnet);
      if (refused.length === TRIES_MAX) {
        throw failedPrecondition(
          "NO_FREE_SUBNET",
          `the engine takes no subnet for ${ctx.networkName}: ${refused.join(", ")}`,
        );
      }
      await reserveSubnet(ctx, refused);
    }
  },
  undo: removeClusterNetwork,
};

/** Makes the network unless it is there; false where the engine does not take the subnet. */
export async function ensureNetwork(ctx: ClusterContext): Promise<boolean> {
  const { engine, realm } = ctx.tools;
  const subnet = parseRange(ctx.cluster.reservation!.subnet)!;
  const { api } = await engine.version();
  const cluster = { name: ctx.name, uid: ctx.uid };
  try {
    const body = engineNetworkBody({ name: ctx.networkName, cluster, realm, subnet, api });
    await createNetwork(engine, body, { signal: ctx.signal });
    return true;
  } catch (error) {
    if (isSubnetOverlap(error)) return false;
    if (!(error instanceof EngineError) || error.code !== Code.ALREADY_EXISTS) throw error;
    return isOwn(ctx);
  }
}

async function isOwn(ctx: ClusterContext): Promise<boolean> {
  const found = await findNetwork(ctx.tools.engine, ctx.networkName, { signal: ctx.signal });
  const network = found && networkFromInspect(found);
  if (network?.labels[LABEL_UID] !== ctx.uid) {
    const whose = ofAnotherRealm(network?.labels, ctx.tools.realm);
    const text = `the engine of ${ctx.tools.host} has another network named ${ctx.networkName}${whose}: choose another name, or remove it`;
    throw failedPrecondition("NETWORK_NAME_IN_USE", text, { network: ctx.networkName });
  }
  return true;
}

/** Nothing of another cluster: one that was refused for its name may have the other's network there. */
export async function removeClusterNetwork(ctx: ClusterContext): Promise<void> {
  const { engine } = ctx.tools;
  const found = await findNetwork(engine, ctx.networkName, { signal: ctx.signal });
  if (!found || networkFromInspect(found).labels[LABEL_UID] !== ctx.uid) return;
  await removeNetwork(engine, found.Id, { signal: ctx.signal });
}
