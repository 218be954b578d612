// `service` or `proxy`, as a process of its own: what is measured must not share a thread with what measures.
import { createTokenVerifier } from "../../../services/common/auth/token.ts";
import { createLog } from "../../../services/common/log/log.ts";
import { createMetrics } from "../../../services/common/metrics/metrics.ts";
import { loadTls } from "../../../services/common/realm/tls.ts";
import { createProxy } from "../../../services/common/rpc/proxy/proxy.ts";
import { createGrpcServer } from "../../../services/common/rpc/server.ts";
import { serverStream, unary } from "../../../services/common/rpc/wrappers.ts";
import { ComputeServiceService } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";

const [role = "", dir = "", address = ""] = process.argv.slice(2);
const log = createLog({ name: role, level: "info", destination: process.stderr });
const tls = loadTls({ dir: `${dir}/tls`, process: role === "proxy" ? "gateway" : "compute", log });
const common = {
  listen: "127.0.0.1:0",
  tls,
  verify: await createTokenVerifier({ keysPath: `${dir}/token/public.jwk` }),
  log,
  metrics: createMetrics(role),
  signal: new AbortController().signal,
};
const access = () => ({ role: "viewer" as const });
const instance = Instance.fromPartial({
  meta: { name: "projects/default/instances/web" },
  spec: { image: "nginx:1.27" },
});
const { getInstance, copyFromInstance } = ComputeServiceService;

const server =
  role === "proxy"
    ? await createProxy({ ...common, services: new Map([["compute", address]]) })
    : await createGrpcServer({
        ...common,
        services: [
          {
            definition: { getInstance, copyFromInstance },
            handlers: {
              getInstance: unary({ access, handler: async () => instance }),
              // Sends for ever `path` bytes at a time.
              copyFromInstance: serverStream<{ path: string }, { data: Buffer }>({
                access,
                async handler({ path }, _ctx, sink) {
                  const message = { data: Buffer.alloc(Number(path)) };
                  for (;;) await sink.write(message);
                },
              }),
            },
          },
        ],
      });
process.on("disconnect", () => process.exit());
process.send?.(server.address);
