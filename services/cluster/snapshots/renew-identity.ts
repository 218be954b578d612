import type { V1ConfigMap, V1Secret } from "@kubernetes/client-node";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";
import type { Authorities } from "../pki/authorities.ts";
import { API_PORT } from "../pki/paths.ts";
import { serviceAccountToken } from "../pki/service-account-token.ts";

const SYSTEM = "/api/v1/namespaces/kube-system";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const MERGE_PATCH = "application/merge-patch+json";
const TOKEN_TYPE = "kubernetes.io/service-account-token";
const BOOTSTRAP_TYPE = "bootstrap.kubernetes.io/token";
/** kubeadm's, with the source's keys. */
const KUBEADM_CERTIFICATES = "kubeadm-certs";
const ROOT_CA = "kube-root-ca.crt";
/** Those who led are no more. */
const LEADERS = ["kube-controller-manager", "kube-scheduler"];

export interface RenewOptions {
  api: KubernetesClient;
  /** The cluster's own from now on. */
  authorities: Authorities;
  /** Of its API. */
  endpointName: string;
  signal: AbortSignal;
}

/** Takes out of a cluster's data what is another's, and puts its own there: under the same names, so that whatever uses it finds it. */
export async function renewIdentity(options: RenewOptions): Promise<void> {
  await Promise.all([
    renewSecrets(options),
    renewRootCa(options),
    renewTrust(options),
    renewProxy(options),
    ...LEADERS.map((leader) => remove(options, `${LEASES}/${leader}`)),
  ]);
}

async function renewSecrets(options: RenewOptions): Promise<void> {
  const { api, authorities, signal } = options;
  for await (const { items } of api.pages<V1Secret>("/api/v1/secrets", { signal })) {
    await Promise.all(
      items.map(async ({ type, metadata }) => {
        const { namespace, name = "" } = metadata!;
        const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
        if (type === BOOTSTRAP_TYPE || name === KUBEADM_CERTIFICATES) return remove(options, path);
        if (type !== TOKEN_TYPE) return;
        const token = await serviceAccountToken(authorities.serviceAccount.key, metadata!);
        const data = { token: base64(token), "ca.crt": base64(authorities.ca.certificate) };
        await patch(options, path, { data });
      }),
    );
  }
}

/** In each namespace, from 1.20 on. */
async function renewRootCa(options: RenewOptions): Promise<void> {
  const { api, authorities, signal } = options;
  const query = { fieldSelector: `metadata.name=${ROOT_CA}` };
  for await (const { items } of api.pages<V1ConfigMap>("/api/v1/configmaps", { query, signal })) {
    const data = { "ca.crt": authorities.ca.certificate };
    const paths = items.map(({ metadata }) => `/api/v1/namespaces/${metadata!.namespace}/configmaps/${ROOT_CA}`);
    await Promise.all(paths.map((path) => patch(options, path, { data })));
  }
}

/** Whom other API servers, and parts of the control plane, believe. The API server itself only ever adds to it. */
async function renewTrust(options: RenewOptions): Promise<void> {
  const { ca, frontProxy } = options.authorities;
  const data = { "client-ca-file": ca.certificate, "requestheader-client-ca-file": frontProxy.certificate };
  await patch(options, `${SYSTEM}/configmaps/extension-apiserver-authentication`, { data });
}

async function renewProxy(options: RenewOptions): Promise<void> {
  const path = `${SYSTEM}/configmaps/kube-proxy`;
  const found = await options.api.find<V1ConfigMap>(path, { signal: options.signal });
  const conf = found?.data?.["kubeconfig.conf"];
  if (conf === undefined) return;
  const server = `server: https://${options.endpointName}:${API_PORT}`;
  await patch(options, path, { data: { "kubeconfig.conf": conf.replaceAll(/server: \S+/g, server) } });
}

/** What is not there, or no more, needs nothing. */
function patch({ api, signal }: RenewOptions, path: string, body: object): Promise<void> {
  return unlessGone(() => api.call("PATCH", path, { body, contentType: MERGE_PATCH, signal }));
}

function remove({ api, signal }: RenewOptions, path: string): Promise<void> {
  return unlessGone(() => api.call("DELETE", path, { signal }));
}

async function unlessGone(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isKubernetesStatus(error, 404)) throw error;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
