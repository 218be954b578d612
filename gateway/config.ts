import { type ConfigReader, type Environment, readConfig } from "../services/common/config/config.ts";
import { type ProcessConfig, readProcessConfig } from "../services/common/config/process.ts";
import { readServices } from "../services/common/config/services.ts";
import { splitHostPort } from "../services/common/config/values.ts";
import { type GatewayLimits, readGatewayLimits } from "./limits.ts";

export interface GatewayConfig extends ProcessConfig {
  /** WebSocket and HTTP. */
  httpListen: string;
  /** Paths of PEM files; empty: plain HTTP. */
  httpCertPath: string;
  httpKeyPath: string;
  /** Values of the Origin header that browsers may come from, besides the gateway's own pages. */
  allowedOrigins: readonly string[];
  limits: GatewayLimits;
  /** The one gRPC address of all services; empty: none. */
  grpcListen: string;
  /** gRPC address by service. */
  services: ReadonlyMap<string, string>;
}

const KNOWN_SERVICES = new Set(["compute", "cluster", "network", "storage", "registry"]);
const LOOPBACK = /^(127(\.\d+){3}|::1|localhost)$/;

export function gatewayConfig(env: Environment): GatewayConfig {
  return readConfig(env, buildGatewayConfig);
}

export function buildGatewayConfig(c: ConfigReader): GatewayConfig {
  const httpListen = c.hostPort("GANTRY_HTTP_LISTEN", "127.0.0.1:9600", "Address of WebSocket and HTTP");
  const certDoc = "PEM certificate for https and wss; empty: plain, on loopback only";
  const httpCertPath = c.path("GANTRY_HTTP_TLS_CERT", "", certDoc);
  const httpKeyPath = c.path("GANTRY_HTTP_TLS_KEY", "", "PEM key of that certificate");
  const allowPlaintext = c.boolean("GANTRY_ALLOW_PLAINTEXT", false, "Plain HTTP on other addresses than loopback");
  const origins = c.string("GANTRY_ALLOWED_ORIGINS", "", "Web origins that may connect, with commas between");
  const limits = readGatewayLimits(c);
  const grpcListen = c.hostPort("GANTRY_GRPC_LISTEN", "127.0.0.1:9601", "The one gRPC address of all services");
  const services = readServices(c, "compute=127.0.0.1:9611");
  for (const service of services.keys()) {
    if (!KNOWN_SERVICES.has(service))
      c.problems.push(`GANTRY_SERVICES names ${service}, which is no service of Gantry`);
  }
  if ((httpCertPath === "") !== (httpKeyPath === "")) {
    c.problems.push("GANTRY_HTTP_TLS_CERT and GANTRY_HTTP_TLS_KEY go together");
  }
  if (httpListen !== "" && httpCertPath === "" && !allowPlaintext && !LOOPBACK.test(splitHostPort(httpListen).host)) {
    c.problems.push(
      `GANTRY_HTTP_LISTEN is ${httpListen}: tokens would travel in the clear. Give GANTRY_HTTP_TLS_CERT and GANTRY_HTTP_TLS_KEY, ` +
        "or set GANTRY_ALLOW_PLAINTEXT where something in front of it encrypts",
    );
  }
  return {
    ...readProcessConfig(c, { metricsListen: "127.0.0.1:9700" }),
    httpListen,
    httpCertPath,
    httpKeyPath,
    allowedOrigins: origins
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== ""),
    limits,
    grpcListen,
    services,
  };
}
