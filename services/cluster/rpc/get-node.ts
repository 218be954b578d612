import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { GetNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { NODE } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodeKind } from "../kinds.ts";

export function getNode({ store }: ClusterServiceContext) {
  return unary<GetNodeRequest, Node>({
    access: ({ name }) => onName(NODE, name, "viewer"),
    handler: ({ name }) => store.need(nodeKind, name),
  });
}
