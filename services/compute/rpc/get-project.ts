import type { GetProjectRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { PROJECT } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { projectKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";

export function getProject({ store }: ComputeContext) {
  return unary<GetProjectRequest, Project>({
    access: ({ name }) => onName(PROJECT, name, "viewer"),
    handler: ({ name }) => store.need(projectKind, name),
  });
}
