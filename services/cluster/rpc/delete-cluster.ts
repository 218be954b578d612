import type { DeleteClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { operationInProgress } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { markDeleted } from "../clusters/mark-deleted.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind } from "../kinds.ts";

export function deleteCluster({ operations, store }: ClusterServiceContext) {
  return unary<DeleteClusterRequest, Operation>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    handler({ name, etag, requestId }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      found.throwIfAny();
      const key = requestKey(call, requestId);
      return operations.submit({
        job: "delete-cluster",
        verb: "delete",
        kind: clusterKind,
        target: name,
        project: projectOf(name),
        host: (cluster) => cluster.meta?.host ?? "",
        ...(key === undefined ? {} : { requestKey: key }),
        async write(tx) {
          const cluster = await tx.need(clusterKind, name);
          checkEtag(name, etag, cluster.meta!.etag);
          // A delete takes over from whatever runs, but for another delete.
          if (cluster.meta!.deleteTime && cluster.meta!.operation !== "")
            throw operationInProgress(name, cluster.meta!.operation);
          await markDeleted(tx, cluster, await nodesOf(store, name));
          tx.put(clusterKind, cluster);
          return cluster;
        },
      });
    },
  });
}
