import { X509Certificate } from "node:crypto";
import { parseAdminConf } from "../kubernetes/credentials.ts";
import { renderKubeconfig } from "../pki/kubeconfig.ts";

export interface ClientKubeconfigOptions {
  /** Of its cluster, user and context. */
  name: string;
  /** `https://…`. */
  server: string;
  /** Whose it is, for errors. */
  where: string;
}

/** The admin's kubeconfig as kubeadm wrote it, made one for clients elsewhere. A secret. */
export function clientKubeconfig(
  adminConf: string,
  { name, server, where }: ClientKubeconfigOptions,
): { kubeconfig: string; expireTime: Date } {
  const { ca, certificate, key } = parseAdminConf(adminConf, where);
  const kubeconfig = renderKubeconfig({
    clusterName: name,
    server,
    authority: ca,
    user: name,
    contextName: name,
    credentials: { certificate, key },
  });
  return { kubeconfig, expireTime: new X509Certificate(certificate).validToDate };
}
