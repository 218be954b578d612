import { runCommand } from "../process/run-command.ts";
import type { EngineNetwork } from "./engine-config.ts";

const COMMAND_TIMEOUT_MS = 10_000;
/** 10.64.0.0 to 10.127.255.255: seldom used by companies, and none of Docker's own. */
const FIRST_BLOCK = 64;
const BLOCKS = 64;
/** 10.96.0.0/16 is where Kubernetes has its services, unless told otherwise. */
const SERVICES_BLOCK = 96;

/**
 * A /16 of private addresses that no route of this machine touches. `start` says where to begin looking, so that two who
 * look at once seldom choose alike.
 */
export async function findFreeNetwork(bridge: string, start: number): Promise<EngineNetwork> {
  const routes = JSON.parse(
    await runCommand("ip", ["-json", "-4", "route", "show", "table", "all"], { timeoutMs: COMMAND_TIMEOUT_MS }),
  ) as { dst: string }[];
  return chooseNetwork(
    bridge,
    start,
    routes.map(({ dst }) => dst),
  );
}

export function chooseNetwork(bridge: string, start: number, destinations: readonly string[]): EngineNetwork {
  for (let step = 0; step < BLOCKS; step++) {
    const second = FIRST_BLOCK + ((start + step) % BLOCKS);
    if (second === SERVICES_BLOCK) continue;
    if (destinations.some((destination) => overlaps(destination, second))) continue;
    return networkAt(bridge, second);
  }
  throw new Error("every network from 10.64.0.0 to 10.127.255.255 is in use on this machine");
}

/** How 10.<second>.0.0/16 is divided. */
function networkAt(bridge: string, second: number): EngineNetwork {
  return {
    bridge,
    range: `10.${second}.0.0/16`,
    bridgeAddress: `10.${second}.0.1/24`,
    realmSubnet: `10.${second}.64.0/18`,
    pool: `10.${second}.128.0/18`,
    clusterSubnets: `10.${second}.192.0/18`,
  };
}

/** As the addresses of that bridge and range are divided today: an older Gantry may have written the rest otherwise. */
export function dividedNetwork({ bridge, range }: Pick<EngineNetwork, "bridge" | "range">): EngineNetwork {
  return networkAt(bridge, Number(range.split(".")[1]));
}

/** Whether a route's destination and 10.<second>.0.0/16 share addresses. */
function overlaps(destination: string, second: number): boolean {
  if (destination === "default") return false;
  const [address, prefix = "32"] = destination.split("/");
  const octets = address!.split(".").map(Number);
  const bits = Math.min(16, Number(prefix));
  const mask = bits === 0 ? 0 : (0xffff << (16 - bits)) & 0xffff;
  return (((octets[0]! << 8) | octets[1]!) & mask) === (((10 << 8) | second) & mask);
}
