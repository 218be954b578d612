import type { DeleteInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { operationInProgress } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { INSTANCE, projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { instanceKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";

export function deleteInstance({ operations }: ComputeContext) {
  return unary<DeleteInstanceRequest, Operation>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    handler({ name, etag, requestId }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      found.throwIfAny();
      const key = requestKey(call, requestId);
      return operations.submit({
        job: "delete-instance",
        verb: "delete",
        kind: instanceKind,
        target: name,
        project: projectOf(name),
        host: (instance) => instance.meta?.host ?? "",
        ...(key === undefined ? {} : { requestKey: key }),
        async write(tx) {
          const instance = await tx.need(instanceKind, name);
          checkEtag(name, etag, instance.meta!.etag);
          // A delete takes over from whatever runs, but for another delete.
          if (instance.meta!.deleteTime && instance.meta!.operation !== "")
            throw operationInProgress(name, instance.meta!.operation);
          instance.meta!.deleteTime = tx.now;
          if (instance.status) instance.status.state = InstanceState.INSTANCE_STATE_DELETING;
          tx.put(instanceKind, instance);
          return instance;
        },
      });
    },
  });
}
