import type { WatchRequest, WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { serverStream } from "../../common/rpc/wrappers.ts";
import { serveWatch } from "../../common/watch/serve-watch.ts";
import type { ComputeContext } from "../context.ts";

/** Open to everyone: each sees what belongs to the realm and to their projects. Usage is sampled while someone asks for it. */
export function watch({ config, store, observations, usage }: ComputeContext) {
  const serve = serveWatch({ store, observations, limits: config.watchLimits });
  return serverStream<WatchRequest, WatchResponse>({
    access: () => ({ role: "viewer" }),
    async handler(request, call, sink) {
      const release = request.observations ? usage.demand(request.kinds) : undefined;
      try {
        await serve(request, call, sink);
      } finally {
        release?.();
      }
    },
  });
}
