import { type MainContext, type Running, runMain } from "../services/common/lifecycle/run-main.ts";
import { createProxy } from "../services/common/rpc/proxy/proxy.ts";
import { gatewayConfig, type GatewayConfig } from "./config.ts";
import { createContext } from "./context.ts";
import { readCertificate } from "./http/certificate.ts";
import { serveHttp } from "./http/server.ts";
import { saveWindows } from "./mirror/window-file.ts";

async function create(main: MainContext<GatewayConfig>): Promise<Running> {
  const { config, log, metrics, signal } = main;
  const { httpCertPath: certPath, httpKeyPath: keyPath } = config;
  const certificate = certPath === "" ? undefined : await readCertificate(certPath, keyPath);
  const context = await createContext(main);
  const { sockets, verify, tickets, mirrors, clients } = context;
  let draining = false;
  const http = await serveHttp({
    listen: config.httpListen,
    ...(certificate ? { tls: { ...certificate, certPath, keyPath } } : {}),
    sockets,
    verify,
    tickets,
    healthy: () => !draining,
    log,
  });
  const proxy =
    config.grpcListen === ""
      ? undefined
      : await createProxy({
          listen: config.grpcListen,
          tls: context.tls,
          services: config.services,
          verify,
          log,
          metrics,
          signal,
          limits: config.rpcLimits,
        });
  return {
    ready: { http: http.address, secure: certificate !== undefined, grpc: proxy?.address },
    async drain() {
      draining = true;
      await Promise.all([sockets.drain(config.drainTimeoutMs), proxy?.drain(config.drainTimeoutMs)]);
      await saveWindows(context.windowsPath, mirrors.catalog.save());
    },
    async destroy() {
      sockets.destroy();
      proxy?.close();
      await http.close();
      mirrors.destroy();
      for (const client of clients.values()) client.close();
      context.tls.close();
    },
  };
}

await runMain({ name: "gateway", config: gatewayConfig, create });
