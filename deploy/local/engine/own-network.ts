import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { EngineNetwork } from "./engine-config.ts";
import { dividedNetwork, findFreeNetwork } from "./free-network.ts";

const BRIDGES_MAX = 64;

/** The private engine's addresses: chosen once, since its containers keep theirs while it is stopped. */
export async function ownNetwork(dir: string): Promise<EngineNetwork> {
  const file = join(dir, "network.json");
  if (existsSync(file)) return dividedNetwork(JSON.parse(readFileSync(file, "utf8")) as EngineNetwork);
  await mkdir(dir, { recursive: true });
  const network = await findFreeNetwork(freeBridgeName(), 0);
  writeFileSync(file, `${JSON.stringify(network)}\n`);
  return network;
}

function freeBridgeName(): string {
  for (let number = 0; number < BRIDGES_MAX; number++) {
    if (!existsSync(`/sys/class/net/gantry${number}`)) return `gantry${number}`;
  }
  throw new Error(`the names gantry0 to gantry${BRIDGES_MAX - 1} are all taken by other network links`);
}
