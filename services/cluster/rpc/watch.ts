import type { WatchRequest, WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { serverStream } from "../../common/rpc/wrappers.ts";
import { serveWatch } from "../../common/watch/serve-watch.ts";
import type { ClusterServiceContext } from "../context.ts";

/** Open to everyone: each sees what belongs to the realm and to their projects. */
export function watch({ config, store, observations }: ClusterServiceContext) {
  return serverStream<WatchRequest, WatchResponse>({
    access: () => ({ role: "viewer" }),
    handler: serveWatch({ store, observations, limits: config.watchLimits }),
  });
}
