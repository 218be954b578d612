import type { GetInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { shownTo } from "../instances/redact.ts";
import { instanceKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";

export function getInstance({ store }: ComputeContext) {
  return unary<GetInstanceRequest, Instance>({
    access: ({ name }) => onName(INSTANCE, name, "viewer"),
    handler: async ({ name }, call) => shownTo(call.principal, await store.need(instanceKind, name)),
  });
}
