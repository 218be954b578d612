import type { GetMirrorRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Mirror } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { MIRROR } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { mirrorKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";

export function getMirror({ store }: ComputeContext) {
  return unary<GetMirrorRequest, Mirror>({
    access: ({ name }) => onName(MIRROR, name, "viewer"),
    handler: ({ name }) => store.need(mirrorKind, name),
  });
}
