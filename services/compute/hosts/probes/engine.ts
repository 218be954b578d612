import { randomBytes } from "node:crypto";
import {
  type ContainerCreateBody,
  createContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from "../../../common/engine/api/containers.ts";
import { KIND_PROBE, LABEL_KIND } from "../../../common/engine/labels.ts";
import { endOrphanShims } from "../../steps/orphan-shim.ts";
import type { Probe, ProbeContext } from "./probe.ts";

const TIMEOUT_MS = 30_000;
const REMOVE_TIMEOUT_MS = 30_000;
const DISK_LIMIT_TRIED = "64m";

/** Makes a container of the probe image, uses it and removes it. */
async function withContainer<R>(
  ctx: ProbeContext,
  hostConfig: NonNullable<ContainerCreateBody["HostConfig"]>,
  use: (id: string) => Promise<R>,
): Promise<R> {
  const name = `gantry-probe-${randomBytes(6).toString("hex")}`;
  const body: ContainerCreateBody = {
    Image: await ctx.image(),
    Labels: { [LABEL_KIND]: KIND_PROBE },
    HostConfig: { NetworkMode: "none", ...hostConfig },
  };
  let id = "";
  try {
    id = (await createContainer(ctx.engine, name, body, { signal: ctx.signal })).Id;
    return await use(id);
  } catch (error) {
    if (id !== "") await endOrphanShims(id);
    throw error;
  } finally {
    // Also when the probe's time is up.
    await removeContainer(ctx.engine, name, { timeoutMs: REMOVE_TIMEOUT_MS });
  }
}

async function runToEnd(ctx: ProbeContext, id: string): Promise<void> {
  await startContainer(ctx.engine, id, { signal: ctx.signal });
  const code = await waitContainer(ctx.engine, id, { signal: ctx.signal, timeoutMs: TIMEOUT_MS });
  if (code !== 0) throw new Error(`the container ended with ${code}`);
}

export const privileged: Probe = {
  name: "privileged",
  timeoutMs: TIMEOUT_MS,
  async try(ctx) {
    await withContainer(ctx, { Privileged: true, CgroupnsMode: "private" }, (id) => runToEnd(ctx, id));
    return "ran a privileged container";
  },
};

export const diskLimit: Probe = {
  name: "disk-limit",
  timeoutMs: TIMEOUT_MS,
  async try(ctx) {
    await withContainer(ctx, { StorageOpt: { size: DISK_LIMIT_TRIED } }, (id) => runToEnd(ctx, id));
    return "ran a container with a size limit on its writable layer";
  },
};
