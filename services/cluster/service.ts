import { ClusterServiceService } from "../../proto/gen/gantry/cluster/v1/service.ts";
import { OperationsService } from "../../proto/gen/google/longrunning/operations.ts";
import { createTokenVerifier } from "../common/auth/token.ts";
import { Engine } from "../common/engine/engine.ts";
import { EngineObserver } from "../common/engine/observer/observer.ts";
import { EngineSlots } from "../common/engine/slots.ts";
import { operationKind } from "../common/jobs/kind.ts";
import { OperationQueue } from "../common/jobs/operations.ts";
import { operationsServer } from "../common/jobs/rpc/operations-server.ts";
import { isWorkedOn, startWorker } from "../common/jobs/worker.ts";
import type { MainContext, Running } from "../common/lifecycle/run-main.ts";
import { realmIdOf } from "../common/realm/realm-id.ts";
import { loadTls } from "../common/realm/tls.ts";
import { connectRedis } from "../common/redis/connect.ts";
import { Mutex } from "../common/rpc/handlers/mutex.ts";
import { Whereabouts } from "../common/redis/whereabouts.ts";
import { createGrpcServer } from "../common/rpc/server.ts";
import { openStore } from "../common/store/store.ts";
import { Peers } from "../common/streams/peers.ts";
import { ObservationHub } from "../common/watch/observations.ts";
import { ApiAddresses } from "./api-address/api-addresses.ts";
import { ClusterCatalog } from "./clusters/catalog.ts";
import { NodeImages } from "./clusters/node-images.ts";
import { Projects } from "./clusters/projects.ts";
import type { ClusterConfig } from "./config.ts";
import type { ClusterServiceContext } from "./context.ts";
import type { HostTools } from "./host-tools.ts";
import { clusterJobs } from "./jobs/index.ts";
import { clusterKinds } from "./kinds.ts";
import { KubernetesClients } from "./kubernetes/clients.ts";
import { KubernetesObserver } from "./kubernetes/observations/kubernetes-observer.ts";
import { ClusterObserver } from "./observe/cluster-observer.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { NodeFolders } from "./node-mounts/node-folders.ts";
import { MountKeeper } from "./node-mounts/mount-keeper.ts";
import { NodePorts } from "./node-ports/node-ports.ts";
import { clusterHandlers } from "./rpc/index.ts";

/** The cluster service of one host: its API, its queue's worker, its engine's observer. */
export async function createClusterService(main: MainContext<ClusterConfig>): Promise<Running> {
  const { config, log, metrics, signal } = main;
  const { hostName: host, redisUrl, dataDir } = config;
  const tls = loadTls({ dir: config.tlsDir, process: "cluster", log });
  const realm = realmIdOf(tls.current().ca);
  const engine = new Engine({ socketPath: config.engineSocket });
  const observer = new EngineObserver({ engine, log });
  const observing = observer.run(signal);
  const [verify, store] = await Promise.all([
    createTokenVerifier({ keysPath: config.tokenKeysPath }),
    openStore({
      service: "cluster",
      host,
      redisUrl,
      dataDir,
      kinds: [...clusterKinds, operationKind],
      logPolicy: { memoryShare: config.logMemoryShare },
      log,
      signal,
    }),
  ]);
  const missed = (error: unknown): void => {
    if (!signal.aborted) log.error({ err: error }, "records could not be read: the next rebuild reads them again");
  };
  const catalog = new ClusterCatalog();
  await catalog.start(store, missed);

  const queueRedis = connectRedis(redisUrl);
  const away = (error: unknown): void => log.warn({ err: error }, "could not tell where this process answers");
  const whereabouts = new Whereabouts({ redis: queueRedis, prefix: store.prefix, host, onError: away });
  const peers = new Peers({
    service: "cluster",
    find: (of) => whereabouts.find(of),
    credentials: () => tls.channelCredentials(),
  });
  const projects = new Projects({ address: config.computeAddress, credentials: tls.channelCredentials() });
  const observations = new ObservationHub();
  const slots = new EngineSlots(config.engineConcurrency);
  const images = new NodeImages({ host, engine, observer });
  const { subnets } = config;
  const now = (): Date => store.now();
  const isActive = (): boolean => worker.active;
  const kubernetes = new KubernetesClients({ engine, log });
  const observed = new KubernetesObserver({
    host,
    catalog,
    clients: kubernetes,
    hub: observations,
    isActive,
    now,
    log,
  });
  const apiAddresses = new ApiAddresses({ host, catalog, observer, isActive, log });
  const nodePorts = new NodePorts({ host, catalog, observer, isActive, log });
  const nodeFolders = new NodeFolders(dataDir);
  const common = {
    host,
    realm,
    dataDir,
    standing: new Set<string>(),
    engine,
    observer,
    catalog,
    images,
    slots,
    subnets,
    now,
  };
  const tools: HostTools = { ...common, kubernetes, observed, apiAddresses, nodePorts, nodeFolders };
  const limits = { concurrency: config.jobConcurrency, queueWaitingMax: config.jobQueueMax };
  const operations = new OperationQueue({
    store,
    redis: queueRedis,
    log,
    limits,
    reserve: (queue) => worker.reserve(queue),
  });
  const worker = startWorker({
    store,
    redisUrl,
    host,
    jobs: clusterJobs(tools),
    kinds: clusterKinds,
    log,
    registry: metrics.registry,
    limits,
  });
  const ctx: ClusterServiceContext = {
    config,
    log,
    store,
    operations,
    catalog,
    projects,
    peers,
    images,
    tools,
    hostWorks: (of) => isWorkedOn(queueRedis, store, of),
    observations,
    admission: new Mutex({ waitingMax: config.admissionsWaitingMax, limitName: "GANTRY_ADMISSIONS_WAITING_MAX" }),
    signal,
  };
  const clusters = new ClusterObserver({
    host,
    store,
    observer,
    observed,
    nodePorts,
    catalog,
    isActive,
    log,
    signal,
  });
  const mountKeeper = new MountKeeper({ tools, isActive, log, signal });
  const reconciler = new Reconciler({ tools, store, operations, isActive, log });
  // Before anything is served: watchers must not find a cluster's origin missing.
  observed.start();
  const needProject = (name: string): Promise<unknown> => projects.need(name, signal);
  const server = await createGrpcServer({
    listen: config.listen,
    tls,
    services: [
      { definition: ClusterServiceService, handlers: clusterHandlers(ctx) },
      { definition: OperationsService, handlers: operationsServer({ store, operations, limits, needProject }) },
    ],
    verify,
    log,
    metrics,
    signal,
    limits: config.rpcLimits,
  });
  whereabouts.announce(config.endpoint || server.address);
  server.setHealth("SERVING");
  clusters.start();
  apiAddresses.start();
  nodePorts.start();
  mountKeeper.run(signal);
  reconciler.run(signal);
  return {
    ready: { address: server.address },
    drain: async () => {
      await Promise.all([server.drain(config.drainTimeoutMs), worker.close()]);
    },
    async destroy() {
      server.close();
      await Promise.allSettled([
        worker.close(),
        reconciler.idle(),
        operations.close(),
        observing,
        observed.close(),
        apiAddresses.close(),
        nodePorts.close(),
        mountKeeper.idle(),
      ]);
      kubernetes.close();
      projects.close();
      whereabouts.close();
      peers.close();
      catalog.close();
      queueRedis.disconnect();
      engine.close();
      tls.close();
      await store.close();
    },
  };
}
