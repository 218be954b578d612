import type { GetHostRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { HOST, parseName } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { hostKind } from "../kinds.ts";

export function getHost({ store }: Pick<ComputeContext, "store">) {
  return unary<GetHostRequest, Host>({
    access: ({ name }) => {
      parseName(HOST, name);
      return { role: "viewer" };
    },
    handler: ({ name }) => store.need(hostKind, name),
  });
}
