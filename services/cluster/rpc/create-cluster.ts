import type { CreateClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { alreadyExists } from "../../common/errors/errors.ts";
import { responseOf } from "../../common/jobs/response.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { onParent } from "../../common/rpc/handlers/access.ts";
import { requestKey } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { admit } from "./create/admit.ts";
import { checkRequest } from "./create/check-request.ts";

export function createCluster(service: ClusterServiceContext) {
  return unary<CreateClusterRequest, Operation>({
    access: ({ parent }) => onParent(parent, "editor"),
    async handler(request, call) {
      const wanted = await checkRequest(service, request, call);
      const { store, catalog, operations, admission } = service;
      if (request.validateOnly) {
        const cluster = await store.transact(async (tx) => {
          if (await tx.get(clusterKind, wanted.name)) throw alreadyExists(wanted.name);
          return (await admit(service, tx, wanted, call.signal)).cluster;
        });
        const response = responseOf(clusterKind, cluster);
        return { name: "", metadata: undefined, done: true, result: { $case: "response", value: response } };
      }
      const key = requestKey(call, request.requestId);
      return admission.run(async () => {
        let admitted: Awaited<ReturnType<typeof admit>> | undefined;
        const operation = await operations.submit({
          job: "create-cluster",
          verb: "create",
          kind: clusterKind,
          target: wanted.name,
          project: projectOf(wanted.name),
          host: (cluster) => cluster.meta?.host ?? "",
          retain: request.retain,
          ...(key === undefined ? {} : { requestKey: key }),
          write: async (tx) => {
            admitted = await admit(service, tx, wanted, call.signal);
            tx.create(clusterKind, admitted.cluster);
            for (const node of admitted.nodes) tx.create(nodeKind, node);
            return admitted.cluster;
          },
        });
        // The next in turn must see these, and the store's own word comes a moment later.
        if (admitted && operation.name === admitted.cluster.meta?.operation) {
          catalog.clusters.note(admitted.cluster);
          for (const node of admitted.nodes) catalog.nodes.note(node);
        }
        return operation;
      });
    },
  });
}
