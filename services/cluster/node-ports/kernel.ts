import { readFile, writeFile } from "node:fs/promises";
import { unavailable } from "../../common/errors/errors.ts";
import { applyRules, readTable } from "../network/kernel-command.ts";
import { type PortTable, removal, ruleSet, tableOf } from "./rules.ts";

const TASK = { what: "the kernel's part of the nodes' ports", reason: "NODE_PORTS_UNAVAILABLE" };

/** What is done in the host's kernel for ports that lead to nodes: all that knows of tables and links is here. */
export class NodePortsKernel {
  /** Puts the rules in place in one go, and gives what the kernel makes of them. */
  async put(table: PortTable, signal: AbortSignal): Promise<string> {
    await this.admitLoopback(table.bridge);
    await applyRules(TASK, ruleSet(table), signal);
    return (await this.read(table.uid, signal)) ?? "";
  }

  /** The rules as they are; undefined where there are none. */
  read(uid: string, signal: AbortSignal): Promise<string | undefined> {
    return readTable(TASK, tableOf(uid), signal);
  }

  /** What is gone already is no fault. */
  async remove(uid: string, signal: AbortSignal): Promise<void> {
    await applyRules(TASK, removal(uid), signal);
  }

  /** What the host says to its own loopback may leave by the bridge: without, the kernel takes such packets for forged. */
  async admitLoopback(bridge: string): Promise<void> {
    const path = `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`;
    try {
      if ((await readFile(path, "utf8")).trim() !== "1") await writeFile(path, "1");
    } catch (error) {
      throw unavailable(TASK.reason, `${TASK.what} was not done: ${(error as Error).message}`, error);
    }
  }
}
