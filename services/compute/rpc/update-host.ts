import type { UpdateHostRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { applyMask } from "../../common/names/field-mask.ts";
import { HOST, parseName } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { hostKind } from "../kinds.ts";
import { checkMeta } from "./check-meta.ts";
import { checkRequestId, requestKey } from "./request-key.ts";
import { writeOnce } from "./write-once.ts";

const MUTABLE = ["meta.labels", "meta.annotations", "spec.unschedulable"];

export function updateHost({ store }: Pick<ComputeContext, "store">) {
  return unary<UpdateHostRequest, Host>({
    access: ({ host }) => {
      parseName(HOST, host?.meta?.name ?? "", "host.meta.name");
      return { role: "realm-admin" };
    },
    async handler({ host: asked, updateMask, requestId }, call) {
      const name = asked!.meta!.name;
      const found = new Violations();
      checkRequestId(found, requestId);
      checkMeta(found, "host", asked!.meta);
      found.throwIfAny();
      return writeOnce(
        store,
        { key: requestKey(call, requestId), value: name },
        async (tx) => {
          const host = await tx.need(hostKind, name);
          checkEtag(name, asked!.meta!.etag, host.meta!.etag);
          const blank = Host.fromPartial({ meta: {}, spec: {} });
          applyMask({ mask: updateMask, allowed: MUTABLE, from: asked!, to: host, blank });
          tx.put(hostKind, host);
          return host;
        },
        (value) => store.need(hostKind, value),
      );
    },
  });
}
