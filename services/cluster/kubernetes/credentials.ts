import { parse } from "yaml";
import { GantryError } from "../../common/errors/errors.ts";
import { status as Code } from "@grpc/grpc-js";

/** What the API's own admin has: PEM texts. In memory only, never written or logged. */
export interface Credentials {
  ca: string;
  certificate: string;
  key: string;
}

interface AdminConf {
  clusters?: { cluster?: { "certificate-authority-data"?: unknown } }[];
  users?: { user?: { "client-certificate-data"?: unknown; "client-key-data"?: unknown } }[];
}

/** From a kubeconfig as kubeadm writes it: one cluster, one user. FAILED_PRECONDITION ADMIN_CONF_INVALID, without its content, for any other. */
export function parseAdminConf(text: string, where: string): Credentials {
  let conf: AdminConf;
  try {
    conf = parse(text) as AdminConf;
  } catch {
    throw invalid(where, "is no YAML");
  }
  const cluster = conf?.clusters?.[0]?.cluster;
  const user = conf?.users?.[0]?.user;
  const found = {
    ca: decode(cluster?.["certificate-authority-data"]),
    certificate: decode(user?.["client-certificate-data"]),
    key: decode(user?.["client-key-data"]),
  };
  const missing = Object.entries(found).flatMap(([name, pem]) => (pem.includes("-----BEGIN ") ? [] : [name]));
  if (missing.length > 0) throw invalid(where, `has no ${missing.join(", no ")}`);
  return found;
}

function decode(value: unknown): string {
  return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : "";
}

function invalid(where: string, what: string): GantryError {
  return new GantryError(Code.FAILED_PRECONDITION, `${where} ${what}`, { reason: "ADMIN_CONF_INVALID" });
}
