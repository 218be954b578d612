import { findNetwork } from "../../../services/common/engine/api/networks.ts";
import type { Engine } from "../../../services/common/engine/engine.ts";

/** The realm's network, and a range for networks inside inner engines that is none of the host's. */
export async function inspectNetwork(engine: Engine, name: string): Promise<{ subnet: string; innerPool: string }> {
  const network = await findNetwork(engine, name);
  const subnet = network?.IPAM?.Config?.[0]?.Subnet;
  if (subnet === undefined) throw new Error(`network ${name} has no subnet`);
  return { subnet, innerPool: "10.204.0.0/16" };
}
