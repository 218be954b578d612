import { networkInterfaces } from "node:os";
import { unavailable } from "../../common/errors/errors.ts";
import { run } from "../../common/process/run.ts";
import { removal, ruleSet, type SpreadAddress, tableOf } from "./rules.ts";

const TIMEOUT_MS = 10_000;

/** What is done in the host's kernel for a cluster's API address: all that knows of tables and links is here. */
export class ApiAddressKernel {
  /** Puts the address on the cluster's bridge: the host answers for it. */
  async hold(address: string, bridge: string, signal: AbortSignal): Promise<void> {
    // Without a process where nothing has to be done. A bridge that no node is on is not among these.
    if (networkInterfaces()[bridge]?.some((each) => each.address === address)) return;
    await command("ip", ["address", "replace", `${address}/32`, "dev", bridge], signal);
  }

  /** Puts the rules in place in one go, and gives what the kernel makes of them. */
  async put(spread: SpreadAddress, signal: AbortSignal): Promise<string> {
    await command("nft", ["-f", "-"], signal, ruleSet(spread));
    return (await this.read(spread.address, signal)) ?? "";
  }

  /** The rules as they are; undefined where there are none. */
  async read(address: string, signal: AbortSignal): Promise<string | undefined> {
    const tables = await command("nft", ["list", "tables", "ip"], signal);
    if (!tables.split("\n").includes(`table ip ${tableOf(address)}`)) return undefined;
    return command("nft", ["--stateless", "list", "table", "ip", tableOf(address)], signal);
  }

  /** Rules and address. What is gone already is no fault. */
  async remove(address: string, signal: AbortSignal): Promise<void> {
    await command("nft", ["-f", "-"], signal, removal(address));
    for (const link of await this.#holders(address, signal)) {
      await command("ip", ["address", "delete", `${address}/32`, "dev", link], signal);
    }
  }

  async #holders(address: string, signal: AbortSignal): Promise<string[]> {
    const text = await command("ip", ["-json", "address", "show", "to", `${address}/32`], signal);
    const links = JSON.parse(text === "" ? "[]" : text) as { ifname?: string; addr_info?: { local?: string }[] }[];
    return links.flatMap(({ ifname, addr_info: addresses = [] }) =>
      ifname !== undefined && addresses.some(({ local }) => local === address) ? [ifname] : [],
    );
  }
}

async function command(file: string, args: readonly string[], signal: AbortSignal, input?: string): Promise<string> {
  try {
    const options = { timeoutMs: TIMEOUT_MS, signal, ...(input === undefined ? {} : { input }) };
    return (await run(file, args, options)).stdout;
  } catch (error) {
    signal.throwIfAborted();
    const text = `the kernel's part of the API address was not done: ${[file, ...args].join(" ")}: ${(error as Error).message}`;
    throw unavailable("API_ADDRESS_UNAVAILABLE", text, error);
  }
}
