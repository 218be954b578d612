import { status as Code } from "@grpc/grpc-js";
import { createContainer, findContainer, removeContainer } from "../../common/engine/api/containers.ts";
import { connectNetwork } from "../../common/engine/api/networks.ts";
import { removeVolume } from "../../common/engine/api/volumes.ts";
import { compareVersions } from "../../common/engine/api-version.ts";
import { EngineError, isImageMissing } from "../../common/engine/errors.ts";
import { LABEL_UID } from "../../common/engine/labels.ts";
import { containerNameInUse } from "../../common/engine/name-in-use.ts";
import type { Step } from "../../common/jobs/api.ts";
import { type ContainerOptions, containerOptions, innerEngineVolume } from "../instances/container-options.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { containersOf } from "./find-container.ts";
import { endOrphanShims } from "./orphan-shim.ts";
import { ensureImage } from "./pull-image.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** As the engine says it. */
const RUNNING: ReadonlySet<string> = new Set(["running", "paused"]);
/** From here on one call takes all networks. */
const SEVERAL_NETWORKS_API = "1.44";

const CALL_TIMEOUT_MS = 120_000;
/** Its turn may be far off when very many are made at once. */
const STEP_TIMEOUT_MS = 30 * 60_000;

/** The container, not started. One that a crash left behind is taken on. */
export const createContainerStep: Step<InstanceContext> = {
  name: "create-container",
  timeoutMs: STEP_TIMEOUT_MS,
  attempts: ENGINE_ATTEMPTS,
  prepare(ctx) {
    ctx.limitsView = ctx.tools.limitsView();
  },
  async do(ctx) {
    const { innerPool } = await ctx.tools.network.ensure(ctx.signal);
    const options = containerOptions({
      instance: ctx.instance,
      realm: ctx.tools.realm,
      network: ctx.tools.network.name,
      deviceRequests: ctx.tools.deviceRequests(ctx.instance.reservation?.gpus ?? []),
      innerPool,
      limitsView: (await ctx.limitsView) ?? [],
    });
    ctx.containerId = await createOrFind(ctx, options);
  },
  async undo(ctx) {
    await removeContainers(ctx);
    await ctx.tools.tls.remove(ctx.uid);
  },
};

async function createOrFind(ctx: InstanceContext, options: ContainerOptions): Promise<string> {
  const { engine } = ctx.tools;
  const limits = { signal: ctx.signal, timeoutMs: CALL_TIMEOUT_MS };
  const { api } = await engine.version();
  const oneByOne = compareVersions(api, SEVERAL_NETWORKS_API) < 0 ? (ctx.instance.spec?.networks ?? []) : [];
  const endpoints = { ...options.NetworkingConfig.EndpointsConfig };
  for (const name of oneByOne) delete endpoints[name];
  const body = { ...options, NetworkingConfig: { EndpointsConfig: endpoints } };
  let id: string;
  try {
    const create = () => createContainer(engine, ctx.containerName, body as never, limits);
    id = (await withImage(ctx, () => ctx.tools.slots.run(false, ctx.signal, create))).Id;
    ctx.isNew = true;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== Code.ALREADY_EXISTS) throw error;
    id = await adopt(ctx);
  }
  for (const name of oneByOne) await connectOnce(ctx, name, id);
  return id;
}

/** Once more where the image was taken away since it was last seen. */
async function withImage<T>(ctx: InstanceContext, create: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!isImageMissing(error)) throw error;
  }
  await ensureImage(ctx);
  return create();
}

async function adopt(ctx: InstanceContext): Promise<string> {
  const found = await findContainer(ctx.tools.engine, ctx.containerName, { signal: ctx.signal });
  if (found?.Config.Labels[LABEL_UID] === ctx.uid) return found.Id;
  const { host, realm } = ctx.tools;
  throw containerNameInUse({ host, realm, container: ctx.containerName, found });
}

async function connectOnce(ctx: InstanceContext, network: string, container: string): Promise<void> {
  try {
    await connectNetwork(ctx.tools.engine, network, { Container: container }, { signal: ctx.signal });
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== Code.ALREADY_EXISTS) throw error;
  }
}

/** Every container of the instance, with anonymous volumes and the inner engine's data. */
export async function removeContainers(ctx: InstanceContext): Promise<void> {
  const { engine } = ctx.tools;
  for (const { id, state } of await containersOf(ctx)) {
    if (!RUNNING.has(state)) await endOrphanShims(id);
    await removeContainer(engine, id, { signal: ctx.signal });
  }
  const spec = ctx.instance.spec;
  if (spec && hasInnerEngine(spec)) await removeVolume(engine, innerEngineVolume(ctx.uid), { signal: ctx.signal });
}
