import { mkdir, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { kubernetesPrograms } from "../../deploy/local/images/node/programs.ts";
import type { ProgramSpec } from "../../deploy/local/process/program.ts";
import { KubernetesClient } from "../../services/cluster/kubernetes/client.ts";
import { ADMIN_CONF_PATH, PKI_FOLDER, SUPER_ADMIN_CONF_PATH } from "../../services/cluster/pki/paths.ts";
import { parseAdminConf } from "../../services/cluster/kubernetes/credentials.ts";
import type { ClusterTarget } from "../../services/cluster/kubernetes/target.ts";
import { parseKubernetesVersion } from "../../services/cluster/kubeadm/version.ts";
import { createAuthorities } from "../../services/cluster/pki/authorities.ts";
import { controlPlaneFiles } from "../../services/cluster/pki/control-plane-files.ts";
import { etcdProgram } from "../images/etcd.ts";
import { testFolder } from "./cleanup.ts";
import { testConfig } from "./config.ts";
import { freePorts } from "./ports.ts";
import { TestService } from "./service.ts";

const VERSION = "v1.20.2";
const SERVICE_SUBNET = "10.96.0.0/16";
const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 10_000;

/** A real API server with its etcd, and nothing else: no kubelet, no controller. What a test makes in it stays as it is. */
export interface TestApiServer extends AsyncDisposable {
  version: string;
  port: number;
  /** The admin's kubeconfig. */
  adminConf: string;
  /** From keys of 1.29 on. */
  superAdminConf: string | undefined;
  /** For `KubernetesClients` and `KubernetesClient`. */
  target: ClusterTarget;
  readonly pid: number;
  /** A client of the test's own, to make and change objects. */
  client: KubernetesClient;
  /** It takes connections and answers nothing (SIGSTOP). */
  pause(): void;
  resume(): void;
  /** kill -9 of the API server; etcd lives on. */
  kill(): Promise<void>;
  /** Has etcd forget everything before now. */
  compact(): Promise<void>;
  /** After `kill`. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ApiServerOptions {
  /** Arguments besides the usual ones. */
  args?: readonly string[];
  /** Kubernetes version that its keys are made for. Default: its own. */
  keysVersion?: string;
}

export async function startApiServer(options: ApiServerOptions = {}): Promise<TestApiServer> {
  const { cacheDir, imageCacheDir } = testConfig();
  const say = (line: string): void => void process.stderr.write(`test API server: ${line}\n`);
  const programs = await kubernetesPrograms(join(imageCacheDir, "kubernetes"), VERSION, say);
  const etcdPath = await etcdProgram(cacheDir);
  const folder = await testFolder("api");
  const [clientPort, peerPort, port] = (await freePorts(3)) as [number, number, number];
  const files = await writeKeys(folder.path, options.keysVersion);
  const spec = (name: string, command: string, args: string[], isReady: ProgramSpec["isReady"]): ProgramSpec => ({
    name,
    command,
    args,
    env: { PATH: process.env["PATH"] },
    logPath: join(folder.path, `${name}.log`),
    isReady,
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    stopTimeoutMs: STOP_TIMEOUT_MS,
    orphanSignal: "SIGKILL",
  });
  const target: ClusterTarget = {
    name: "projects/default/clusters/test",
    uid: "test",
    endpoints: [{ host: "127.0.0.1", port }],
    controlPlanes: [],
  };
  const adminConf = files.get(ADMIN_CONF_PATH)!;
  const superAdminConf = files.get(SUPER_ADMIN_CONF_PATH);
  const client = new KubernetesClient(target, () =>
    Promise.resolve(parseAdminConf(superAdminConf ?? adminConf, "the test's admin.conf")),
  );
  const etcd = new TestService(
    spec("etcd", etcdPath, etcdArgs(join(folder.path, "etcd"), clientPort, peerPort), (signal) =>
      answers(`http://127.0.0.1:${clientPort}/health`, signal),
    ),
  );
  const apiServer = new TestService(
    spec(
      "kube-apiserver",
      join(programs, "kube-apiserver"),
      [...apiServerArgs(folder.path, clientPort, port), ...(options.args ?? [])],
      async (signal) => {
        await client.ready({ signal });
        // Made a moment after the API server says that it is ready.
        await client.get("/api/v1/namespaces/default", { signal });
      },
    ),
  );
  await etcd.start();
  await apiServer.start();
  let paused = false;
  const signal = (name: NodeJS.Signals): void => {
    process.kill(apiServer.pid, name);
    paused = name === "SIGSTOP";
  };
  const stop = async (): Promise<void> => {
    client.close();
    if (paused) signal("SIGCONT");
    await apiServer.shutDown();
    await etcd.shutDown();
    await folder.remove();
  };
  return {
    version: VERSION,
    port,
    adminConf,
    superAdminConf,
    target,
    client,
    get pid() {
      return apiServer.pid;
    },
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    kill: () => apiServer.kill(),
    compact: () => compact(`http://127.0.0.1:${clientPort}/v3/kv`),
    start: () => apiServer.start(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** All keys and certificates of a control plane on loopback, of a new authority: texts by path. */
export async function controlPlaneKeys(version = VERSION): Promise<Map<string, string>> {
  const now = new Date();
  const made = await controlPlaneFiles(await createAuthorities(now), {
    version: parseKubernetesVersion(version)!,
    clusterName: "test",
    nodeName: "test-control-plane",
    address: "127.0.0.1",
    endpointName: "test-api",
    serviceSubnet: SERVICE_SUBNET,
    dnsDomain: "cluster.local",
    apiNames: [],
    first: true,
    now,
  });
  return new Map(made.flatMap((file) => ("content" in file ? [[file.path, file.content]] : [])));
}

async function writeKeys(folder: string, version?: string): Promise<Map<string, string>> {
  const texts = await controlPlaneKeys(version);
  for (const [name, text] of texts) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o600 });
  }
  return texts;
}

function etcdArgs(dataDir: string, clientPort: number, peerPort: number): string[] {
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    "--name=test",
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
  ];
}

function apiServerArgs(folder: string, etcdPort: number, port: number): string[] {
  const pki = join(folder, PKI_FOLDER);
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--endpoint-reconciler-type=none",
    `--client-ca-file=${join(pki, "ca.crt")}`,
    `--tls-cert-file=${join(pki, "apiserver.crt")}`,
    `--tls-private-key-file=${join(pki, "apiserver.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${join(pki, "sa.pub")}`,
    `--service-account-signing-key-file=${join(pki, "sa.key")}`,
    `--service-cluster-ip-range=${SERVICE_SUBNET}`,
    "--authorization-mode=RBAC",
    // No controller makes the accounts that pods would need.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

/** Through etcd's own JSON gateway. */
async function compact(url: string): Promise<void> {
  const post = async (what: string, body: object): Promise<{ header: { revision: string } }> => {
    const answer = await fetch(`${url}/${what}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd: ${what}: ${await answer.text()}`);
    return (await answer.json()) as { header: { revision: string } };
  };
  const { header } = await post("range", { key: Buffer.from("a").toString("base64") });
  await post("compaction", { revision: header.revision, physical: true });
}

function answers(url: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { signal }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url} answers ${response.statusCode}`));
    }).on("error", reject);
  });
}
