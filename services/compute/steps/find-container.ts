import { listContainers } from "../../common/engine/api/containers.ts";
import { LABEL_UID } from "../../common/engine/labels.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { InstanceContext } from "../jobs/context.ts";

/** The instance's containers; one, but for crashes. Found by label: no table of ours can disagree with the engine. */
export async function containersOf(ctx: InstanceContext): Promise<{ id: string; state: string }[]> {
  const filters = { label: [`${LABEL_UID}=${ctx.uid}`] };
  const containers = await listContainers(ctx.tools.engine, filters, { signal: ctx.signal });
  return containers.map(({ Id, State }) => ({ id: Id, state: State }));
}

/** The instance's container, from what is observed where that says it, else from the engine. FAILED_PRECONDITION when there is none. */
export async function needContainer(ctx: InstanceContext): Promise<string> {
  if (ctx.containerId !== "") return ctx.containerId;
  const known = ctx.instance.status?.containerId ?? "";
  const observed = known === "" ? undefined : ctx.tools.observer.get("container", known);
  const id = observed ? known : (await containersOf(ctx))[0]?.id;
  if (id === undefined) {
    throw failedPrecondition("CONTAINER_NOT_FOUND", `${ctx.name} has no container on ${ctx.tools.host}`, {
      name: ctx.name,
    });
  }
  ctx.containerId = id;
  return id;
}
