import type { Agent } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { askServer, healthAgent } from "./ask-server.ts";
import { chooseServers, type Health, nextHealth } from "./health.ts";
import type { ApiAddressKernel } from "./kernel.ts";
import { letSendBack } from "./send-back.ts";

const INTERVAL_MS = 1_000;
/** While a server does not serve: its return is noticed soon, and so is the end of the others. */
const INTERVAL_TROUBLED_MS = 500;
/** Somebody may have flushed the rules, or the engine made the bridge anew. */
const VERIFY_INTERVAL_MS = 5_000;

export interface Spread {
  /** Cluster's name, for logs. */
  name: string;
  address: string;
  subnet: string;
  bridge: string;
  /** Addresses of the control planes. */
  servers: readonly string[];
  /** False: nothing of it is to run, and nobody needs to be asked. */
  runs: boolean;
}

export interface SpreaderOptions {
  kernel: ApiAddressKernel;
  /** Whether this process does its host's work. */
  isActive: () => boolean;
  log: Logger;
}

/** Keeps one cluster's API address: asks its servers, and has the kernel lead to those that serve. */
export class Spreader {
  readonly #options: SpreaderOptions;
  readonly #end = new AbortController();
  readonly #agent: Agent = healthAgent();
  readonly #health = new Map<string, Health>();
  #spread: Spread;
  /** What was put in place last, and what the kernel made of it. */
  #placed: { wanted: string; seen: string } | undefined;
  #verifiedMs = 0;
  #pass: Promise<void> = Promise.resolve();
  readonly #loop: Promise<void>;

  constructor(spread: Spread, options: SpreaderOptions) {
    this.#spread = spread;
    this.#options = options;
    this.#loop = this.#run();
  }

  /** Takes effect at the next look. */
  change(spread: Spread): void {
    this.#spread = spread;
  }

  /** Resolves when the address is held and leads to the servers, as far as is known. */
  async place(): Promise<void> {
    this.#verifiedMs = 0;
    await this.#inTurn(() => this.#place());
  }

  async close(): Promise<void> {
    this.#end.abort();
    await Promise.allSettled([this.#loop, this.#pass]);
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    const { log, isActive } = this.#options;
    const { signal } = this.#end;
    let failing = false;
    while (!signal.aborted) {
      if (isActive()) {
        try {
          await this.#look();
          await this.#inTurn(() => this.#place());
          failing = false;
        } catch (error) {
          if (signal.aborted) return;
          // Said once: the engine or the network may be away for long, and each look tries again.
          if (!failing)
            log.warn({ err: error, target: this.#spread.name }, "the cluster's API address is not in place");
          failing = true;
        }
      }
      await pause(this.#troubled ? INTERVAL_TROUBLED_MS : INTERVAL_MS, signal);
    }
  }

  get #troubled(): boolean {
    const { runs, servers } = this.#spread;
    return runs && servers.some((server) => this.#health.get(server)?.state !== "ready");
  }

  async #look(): Promise<void> {
    const { servers, runs, name } = this.#spread;
    for (const known of this.#health.keys()) if (!servers.includes(known)) this.#health.delete(known);
    if (!runs) return;
    const { signal } = this.#end;
    const answers = await Promise.all(servers.map((host) => askServer(this.#agent, { host }, signal)));
    signal.throwIfAborted();
    for (const [index, server] of servers.entries()) {
      const before = this.#health.get(server);
      const now = nextHealth(before, answers[index]!);
      if (before && before.state !== now.state) {
        this.#options.log.info(
          { target: name, server, was: before.state, state: now.state },
          "API server's health changed",
        );
      }
      this.#health.set(server, now);
    }
  }

  /** Puts in place what is not: at once where it has changed, and from time to time where somebody else may have changed it. */
  async #place(): Promise<void> {
    const { address, subnet, bridge, servers } = this.#spread;
    const { kernel } = this.#options;
    const { signal } = this.#end;
    const wanted = { address, subnet, ...chooseServers(servers, this.#health) };
    const key = JSON.stringify([wanted, bridge]);
    const nowMs = performance.now();
    const changed = this.#placed?.wanted !== key;
    if (changed || this.#troubled) await letSendBack(bridge);
    if (!changed && nowMs - this.#verifiedMs < VERIFY_INTERVAL_MS) return;
    await kernel.hold(address, bridge, signal);
    if (changed || (await kernel.read(address, signal)) !== this.#placed?.seen) {
      this.#placed = { wanted: key, seen: await kernel.put(wanted, signal) };
    }
    this.#verifiedMs = nowMs;
  }

  /** One after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#pass.then(work);
    this.#pass = mine.catch(() => undefined);
    return mine;
  }
}

/** Shorter when it is to end. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
