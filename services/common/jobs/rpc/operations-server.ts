import type {
  Operation,
  OperationsServer,
  WaitOperationRequest,
} from "../../../../proto/gen/google/longrunning/operations.ts";
import { type Access, visibleProjects } from "../../auth/principal.ts";
import { unary } from "../../rpc/wrappers.ts";
import type { Store } from "../../store/api.ts";
import { jobLimits, type JobLimits } from "../limits.ts";
import { type OperationQueue, projectOfOperation } from "../operations.ts";
import { cancelOperation } from "./cancel-operation.ts";
import { deleteOperation } from "./delete-operation.ts";
import { getOperation } from "./get-operation.ts";
import { listOperations, projectOfList } from "./list-operations.ts";
import { waitOperation } from "./wait-operation.ts";

export interface OperationsServerDeps {
  store: Store;
  operations: OperationQueue;
  limits?: Partial<JobLimits>;
  /** Throws NOT_FOUND for the name of a project that is not there. */
  needProject(name: string): Promise<unknown>;
}

/** google.longrunning.Operations of one service. Operations of a project need a role in it, those of the realm its admin for changes. */
export function operationsServer({ store, operations, limits, needProject }: OperationsServerDeps): OperationsServer {
  const { waitMaxMs } = jobLimits(limits);
  return {
    getOperation: unary({ access: ofOperation("viewer"), handler: (request) => getOperation(store, request) }),
    waitOperation: unary<WaitOperationRequest, Operation>({
      access: ofOperation("viewer"),
      handler: (request, { signal, deadline }) => waitOperation(store, request, { signal, deadline, waitMaxMs }),
    }),
    cancelOperation: unary({
      access: ofOperation("editor"),
      handler: (request) => cancelOperation(operations, request),
    }),
    deleteOperation: unary({
      access: ofOperation("editor"),
      handler: (request) => deleteOperation(store, request),
    }),
    listOperations: unary({
      access: ({ name }) => accessTo(projectOfList(name), "viewer"),
      async handler(request, { principal }) {
        if (projectOfList(request.name) !== "") await needProject(request.name);
        return listOperations(store, request, visibleProjects(principal));
      },
    }),
  };
}

function ofOperation(role: "viewer" | "editor"): (request: { name: string }) => Access {
  return ({ name }) => accessTo(projectOfOperation(name), role);
}

function accessTo(project: string, role: "viewer" | "editor"): Access {
  return project === "" ? { role } : { role, project };
}
