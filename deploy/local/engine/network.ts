import { runCommand } from "../process/run-command.ts";
import type { EngineNetwork } from "./engine-config.ts";

const COMMAND_TIMEOUT_MS = 10_000;

/** Makes the engine's bridge and its masquerading, where they are not there yet (or not as they should be). */
export async function setUpNetwork(network: EngineNetwork): Promise<void> {
  if (!(await links()).some(({ ifname }) => ifname === network.bridge)) {
    await ip(["link", "add", network.bridge, "type", "bridge"]);
  }
  await ip(["addr", "replace", network.bridgeAddress, "dev", network.bridge]);
  await ip(["link", "set", network.bridge, "up"]);
  await nft(masqueradeRules(network));
}

/** Of an engine that is gone: removes its bridges, those of its other networks too, its masquerading, and what led to its clusters' APIs. */
export async function tearDownNetwork(network: EngineNetwork): Promise<void> {
  await nft(deleteRules(network));
  for (const table of await apiTables(network)) await nft(`delete table ip ${table}\n`);
  const [first, second] = network.range.split(".");
  for (const { ifname, linkinfo, addr_info: addresses } of await links()) {
    const own = addresses.some(({ local }) => local?.startsWith(`${first}.${second}.`));
    if (ifname === network.bridge || (own && linkinfo?.info_kind === "bridge")) await ip(["link", "del", ifname]);
  }
}

/** What leaves the engine's networks takes the host's address; an existing table is replaced in one transaction. */
export function masqueradeRules(network: EngineNetwork): string {
  return [
    deleteRules(network),
    `table ip ${network.bridge} {`,
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat",
    `    ip saddr ${network.range} ip daddr != ${network.range} masquerade`,
    "  }",
    "}",
    "",
  ].join("\n");
}

function deleteRules({ bridge }: EngineNetwork): string {
  // Deleting needs the table to be there.
  return `table ip ${bridge}\ndelete table ip ${bridge}\n`;
}

/** Of API addresses in the range of the engine; they are named by their addresses. */
async function apiTables({ range }: EngineNetwork): Promise<string[]> {
  const [first, second] = range.split(".");
  const tables = await runCommand("nft", ["list", "tables", "ip"], { timeoutMs: COMMAND_TIMEOUT_MS });
  return tables
    .split("\n")
    .map((line) => line.replace(/^table ip /, ""))
    .filter((name) => name.startsWith(`gantry-api-${first}.${second}.`));
}

interface Link {
  ifname: string;
  linkinfo?: { info_kind?: string };
  addr_info: { local?: string }[];
}

async function links(): Promise<Link[]> {
  return JSON.parse(
    await runCommand("ip", ["-json", "-details", "addr", "show"], { timeoutMs: COMMAND_TIMEOUT_MS }),
  ) as Link[];
}

async function ip(args: string[]): Promise<void> {
  await runCommand("ip", args, { timeoutMs: COMMAND_TIMEOUT_MS });
}

async function nft(rules: string): Promise<void> {
  await runCommand("nft", ["-f", "-"], { timeoutMs: COMMAND_TIMEOUT_MS, input: rules });
}
