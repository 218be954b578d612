// A process as every service's main.ts is, for the tests of its life. What it does is chosen by GANTRY_TEST_ACT.
import { createTokenVerifier } from "../../../../services/common/auth/token.ts";
import { readConfig } from "../../../../services/common/config/config.ts";
import { readProcessConfig } from "../../../../services/common/config/process.ts";
import { runMain } from "../../../../services/common/lifecycle/run-main.ts";
import { loadTls } from "../../../../services/common/realm/tls.ts";
import { createGrpcServer } from "../../../../services/common/rpc/server.ts";

await runMain({
  name: "compute",
  config: (env) =>
    readConfig(env, (c) => ({
      ...readProcessConfig(c, { metricsListen: "127.0.0.1:0" }),
      listen: c.hostPort("GANTRY_LISTEN", "127.0.0.1:0", "Address of gRPC"),
      act: c.oneOf(
        "GANTRY_TEST_ACT",
        ["serve", "throw", "reject", "refuse", "fail", "hang-drain"],
        "serve",
        "What to do",
      ),
    })),
  async create({ config, log, metrics, signal, fail }) {
    if (config.act === "refuse") throw new Error("cannot listen on 127.0.0.1:1: the port needs more rights");
    const tls = loadTls({ dir: config.tlsDir, process: "compute", log });
    const verify = await createTokenVerifier({ keysPath: config.tokenKeysPath });
    const server = await createGrpcServer({ listen: config.listen, tls, services: [], verify, log, metrics, signal });
    if (config.act === "throw") setImmediate(() => assertNever("thrown later"));
    if (config.act === "reject") void Promise.reject(new Error("rejected later"));
    if (config.act === "fail") setImmediate(() => fail(new Error("failed later")));
    return {
      ready: { address: server.address },
      drain: () => (config.act === "hang-drain" ? new Promise(() => undefined) : server.drain(config.drainTimeoutMs)),
      async destroy() {
        tls.close();
      },
    };
  },
});

function assertNever(message: string): never {
  throw new Error(message);
}
