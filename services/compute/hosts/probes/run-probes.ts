import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Capability } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { removeImage } from "../../../common/engine/api/images.ts";
import type { Engine } from "../../../common/engine/engine.ts";
import { clipBytes } from "../../../common/observe/clip.ts";
import type { LimitsView } from "../limits-view.ts";
import { diskLimit, privileged } from "./engine.ts";
import { brNetfilter, btrfs, ipvs, lxcfs, nftables, overlay, vxlan, wireguard } from "./kernel.ts";
import type { Probe } from "./probe.ts";
import { isLeftover, makeProbeImage, removeLeftovers } from "./probe-image.ts";

export const PROBES: readonly Probe[] = [
  overlay,
  privileged,
  nftables,
  vxlan,
  wireguard,
  ipvs,
  btrfs,
  brNetfilter,
  diskLimit,
  lxcfs,
];

/** Probes that run at the same time: they share the machine with the work that goes on. */
const CONCURRENCY = 2;
const DETAIL_BYTES_MAX = 256;
const SCRATCH_PREFIX = "probe-";

export interface ProbeResults {
  capabilities: Record<string, Capability>;
  /** False when a probe ran out of time: what it says may be otherwise next time. */
  conclusive: boolean;
}

export interface ProbeOptions {
  engine: Engine;
  limitsView: LimitsView;
  /** Folder under which a scratch folder is made. */
  dataDir: string;
  log: Logger;
  signal: AbortSignal;
  probes?: readonly Probe[];
}

/** Tries everything, each within its time. Rejects only when `signal` aborts or no scratch folder can be made. */
export async function runProbes(options: ProbeOptions): Promise<ProbeResults> {
  const { engine, log, signal } = options;
  await mkdir(options.dataDir, { recursive: true });
  await removeOldScratch(options.dataDir);
  const scratchDir = await mkdtemp(join(options.dataDir, SCRATCH_PREFIX));
  let image: Promise<string> | undefined;
  const capabilities: Record<string, Capability> = {};
  let conclusive = true;
  const waiting = [...(options.probes ?? PROBES)];
  const work = async (): Promise<void> => {
    for (let probe = waiting.shift(); probe; probe = waiting.shift()) {
      signal.throwIfAborted();
      const limit = AbortSignal.timeout(probe.timeoutMs);
      const ctx = {
        engine,
        limitsView: options.limitsView,
        scratchDir,
        signal: AbortSignal.any([signal, limit]),
        image: () => (image ??= makeProbeImage(engine, signal)),
      };
      try {
        capabilities[probe.name] = { available: true, detail: clip(await probe.try(ctx)) };
      } catch (error) {
        if (limit.aborted) conclusive = false;
        capabilities[probe.name] = { available: false, detail: clip((error as Error).message) };
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    signal.throwIfAborted();
    return { capabilities, conclusive };
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
    await cleanUp(engine, image, signal).catch((error: unknown) => {
      log.warn({ err: error }, "what the host's probes made could not be removed; the next round tries again");
    });
  }
}

/** Of processes that were killed while they probed. */
async function removeOldScratch(dataDir: string): Promise<void> {
  const paths = (await readdir(dataDir)).filter((name) => name.startsWith(SCRATCH_PREFIX));
  for (const path of paths.map((name) => join(dataDir, name))) {
    // Another process may have removed it meanwhile.
    const made = await stat(path).catch(() => undefined);
    if (made && isLeftover(made.mtimeMs)) await rm(path, { recursive: true, force: true });
  }
}

async function cleanUp(engine: Engine, image: Promise<string> | undefined, signal: AbortSignal): Promise<void> {
  const reference = await image?.catch(() => undefined);
  if (reference !== undefined) await removeImage(engine, reference);
  if (!signal.aborted) await removeLeftovers(engine, signal);
}

function clip(text: string): string {
  return clipBytes(text.trim().replaceAll(/\s+/g, " "), DETAIL_BYTES_MAX);
}
