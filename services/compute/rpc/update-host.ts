import type { UpdateHostRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { HOST, parseName } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { hostKind } from "../kinds.ts";
import { updateRecord } from "../../common/rpc/handlers/update-record.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.unschedulable"];

export function updateHost({ store }: Pick<ComputeContext, "store">) {
  return unary<UpdateHostRequest, Host>({
    access: ({ host }) => {
      parseName(HOST, host?.meta?.name ?? "", "host.meta.name");
      return { role: "realm-admin" };
    },
    handler: ({ host, updateMask, requestId }, call) =>
      updateRecord(store, call, {
        kind: hostKind,
        field: "host",
        asked: host!,
        mask: updateMask,
        requestId,
        mutable: MUTABLE,
        blank: Host.fromPartial({ meta: {}, spec: {} }),
      }),
  });
}
