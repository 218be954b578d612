import { stringify } from "yaml";

export interface KubeconfigOptions {
  clusterName: string;
  /** `https://…`. */
  server: string;
  /** PEM. */
  authority: string;
  user: string;
  /** Default: `<user>@<cluster>`, as kubeadm names it. */
  contextName?: string;
  /** PEM in the file itself, or paths in the node. */
  credentials: { certificate: string; key: string } | { certificatePath: string; keyPath: string };
}

/** A kubeconfig with one cluster, user and context. */
export function renderKubeconfig(options: KubeconfigOptions): string {
  const { clusterName, server, authority, user, credentials } = options;
  const context = options.contextName ?? `${user}@${clusterName}`;
  return stringify(
    {
      apiVersion: "v1",
      clusters: [{ cluster: { "certificate-authority-data": base64(authority), server }, name: clusterName }],
      contexts: [{ context: { cluster: clusterName, user }, name: context }],
      "current-context": context,
      kind: "Config",
      preferences: {},
      users: [
        {
          name: user,
          user:
            "key" in credentials
              ? {
                  "client-certificate-data": base64(credentials.certificate),
                  "client-key-data": base64(credentials.key),
                }
              : { "client-certificate": credentials.certificatePath, "client-key": credentials.keyPath },
        },
      ],
    },
    // One line for each value: folded base64 is valid, and nobody expects it.
    { lineWidth: 0 },
  );
}

function base64(pem: string): string {
  return Buffer.from(pem).toString("base64");
}
