import { networkInterfaces } from "node:os";
import { applyRules, kernelCommand, readTable } from "../network/kernel-command.ts";
import { removal, ruleSet, type SpreadAddress, tableOf } from "./rules.ts";

const TASK = { what: "the kernel's part of the API address", reason: "API_ADDRESS_UNAVAILABLE" };

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
    await applyRules(TASK, ruleSet(spread), signal);
    return (await this.read(spread.address, signal)) ?? "";
  }

  /** The rules as they are; undefined where there are none. */
  read(address: string, signal: AbortSignal): Promise<string | undefined> {
    return readTable(TASK, tableOf(address), signal);
  }

  /** Rules and address. What is gone already is no fault. */
  async remove(address: string, signal: AbortSignal): Promise<void> {
    await applyRules(TASK, removal(address), signal);
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

function command(file: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return kernelCommand(TASK, { file, args, signal });
}
