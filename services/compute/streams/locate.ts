import type Docker from "dockerode";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { findContainer } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { LABEL_UID } from "../../common/engine/labels.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { formatEngineName } from "../../common/names/engine-names.ts";

const INSPECT_TIMEOUT_MS = 10_000;

/**
 * The container of an instance on this host's engine. Found by its name and told from another of that name by the uid on its labels.
 * FAILED_PRECONDITION INSTANCE_HAS_NO_CONTAINER when there is none.
 */
export async function locateContainer(
  engine: Engine,
  instance: Instance,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const { name, uid } = instance.meta!;
  const [, project = "", , id = ""] = name.split("/");
  const container = await findContainer(engine, formatEngineName(project, id), {
    signal,
    timeoutMs: INSPECT_TIMEOUT_MS,
  });
  if (container && container.Config.Labels?.[LABEL_UID] === uid) return container;
  throw failedPrecondition(
    "INSTANCE_HAS_NO_CONTAINER",
    `${name} has no container: it is being created, or was removed from its engine; its state says which`,
    { name },
  );
}

/** FAILED_PRECONDITION INSTANCE_NOT_RUNNING with what to do, unless the container runs. */
export function checkRunning(name: string, container: Docker.ContainerInspectInfo): void {
  if (container.State.Paused) {
    throw failedPrecondition("INSTANCE_NOT_RUNNING", `${name} is paused: resume it first`, { name });
  }
  if (!container.State.Running || container.State.Restarting) {
    throw failedPrecondition(
      "INSTANCE_NOT_RUNNING",
      `${name} is not running (${container.State.Status}): start it first`,
      {
        name,
      },
    );
  }
}
