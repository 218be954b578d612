import type { DeleteInstanceRequest } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { submitDeletion } from "../../common/rpc/handlers/submit-deletion.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { instanceKind } from "../kinds.ts";

export function deleteInstance({ operations }: ComputeContext) {
  return unary<DeleteInstanceRequest, Operation>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    handler: (request, call) =>
      submitDeletion({
        operations,
        call,
        request,
        kind: instanceKind,
        job: "delete-instance",
        mark(_tx, { status }) {
          if (status) status.state = InstanceState.INSTANCE_STATE_DELETING;
        },
      }),
  });
}
