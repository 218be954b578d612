// A service that has Watch alone, as a process of its own: the real store, Watch server, gRPC server and mutual TLS.
import { createTokenVerifier } from "../../../services/common/auth/token.ts";
import { createLog } from "../../../services/common/log/log.ts";
import { createMetrics } from "../../../services/common/metrics/metrics.ts";
import { loadTls } from "../../../services/common/realm/tls.ts";
import { createGrpcServer } from "../../../services/common/rpc/server.ts";
import { serverStream } from "../../../services/common/rpc/wrappers.ts";
import { openStore } from "../../../services/common/store/store.ts";
import { ObservationHub } from "../../../services/common/watch/observations.ts";
import { serveWatch } from "../../../services/common/watch/serve-watch.ts";
import { ComputeServiceService } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { LOG_POLICY, kind } from "./kind.ts";

const [dir = "", redisUrl = ""] = process.argv.slice(2);
const log = createLog({ name: "watch", level: "warn", destination: process.stderr });
const { signal } = new AbortController();
const store = await openStore({
  service: "bench",
  host: "server",
  redisUrl,
  dataDir: dir,
  kinds: [kind],
  log,
  signal,
  logPolicy: LOG_POLICY,
});
const { watch } = ComputeServiceService;
const server = await createGrpcServer({
  listen: "127.0.0.1:0",
  tls: loadTls({ dir: `${dir}/tls`, process: "compute", log }),
  verify: await createTokenVerifier({ keysPath: `${dir}/token/public.jwk` }),
  log,
  metrics: createMetrics("watch"),
  signal,
  services: [
    {
      definition: { watch },
      handlers: {
        watch: serverStream({
          access: () => ({ role: "viewer" as const }),
          handler: serveWatch({ store, observations: new ObservationHub() }),
        }),
      },
    },
  ],
});
process.on("disconnect", () => process.exit());
process.send?.(server.address);
