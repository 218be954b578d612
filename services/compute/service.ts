import { ComputeServiceService } from "../../proto/gen/gantry/compute/v1/compute.ts";
import { OperationsService } from "../../proto/gen/google/longrunning/operations.ts";
import { createTokenVerifier } from "../common/auth/token.ts";
import { Engine } from "../common/engine/engine.ts";
import { EngineObserver } from "../common/engine/observer/observer.ts";
import { operationKind } from "../common/jobs/kind.ts";
import { OperationQueue } from "../common/jobs/operations.ts";
import { operationsServer } from "../common/jobs/rpc/operations-server.ts";
import { startWorker } from "../common/jobs/worker.ts";
import type { MainContext, Running } from "../common/lifecycle/run-main.ts";
import { realmIdOf } from "../common/realm/realm-id.ts";
import { loadTls } from "../common/realm/tls.ts";
import { connectRedis } from "../common/redis/connect.ts";
import { createGrpcServer } from "../common/rpc/server.ts";
import { RecordCatalog } from "../common/store/record-catalog.ts";
import { openStore } from "../common/store/store.ts";
import { ObservationSet } from "../common/watch/observations.ts";
import { Clusters } from "./clusters.ts";
import type { ComputeConfig } from "./config.ts";
import type { ComputeContext } from "./context.ts";
import { ensureDefaultProject } from "./default-project.ts";
import { HostKeeper } from "./hosts/host-keeper.ts";
import { LimitsView } from "./hosts/limits-view.ts";
import { markLostHosts } from "./hosts/lost-hosts.ts";
import type { HostTools } from "./host-tools.ts";
import { InnerEngineClient } from "./inner-engine/client.ts";
import { TlsStore } from "./inner-engine/tls-store.ts";
import { InstanceCatalog } from "./instances/catalog.ts";
import { Mutex } from "../common/rpc/handlers/mutex.ts";
import { computeJobs } from "./jobs/index.ts";
import { computeKinds, projectKind } from "./kinds.ts";
import { HostNetwork } from "./network/host-network.ts";
import { RealmNetwork } from "./network/realm-network.ts";
import { showEngine } from "./observe/engine-observations.ts";
import { InstanceObserver } from "./observe/instance-observer.ts";
import { ContainerMeter } from "./observe/usage/container-meter.ts";
import { UsageSampler } from "./observe/usage/usage-sampler.ts";
import { HostCatalog } from "./placement/host-catalog.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { computeHandlers } from "./rpc/index.ts";
import { EngineSlots } from "../common/engine/slots.ts";
import { computeAddressOf } from "./hosts/compute-address.ts";
import { Peers } from "../common/streams/peers.ts";

/** The compute service of one host: its API, its queue's worker, its engine's observer and reconciler. */
export async function createComputeService(main: MainContext<ComputeConfig>): Promise<Running> {
  const { config, log, metrics, signal } = main;
  const { hostName: host, redisUrl, dataDir } = config;
  const tls = loadTls({ dir: config.tlsDir, process: "compute", log });
  const realm = realmIdOf(tls.current().ca);
  const engine = new Engine({ socketPath: config.engineSocket });
  const observer = new EngineObserver({ engine, log });
  const set = new ObservationSet({ origin: `docker/${host}` });
  const stopShowing = showEngine({ host, realm, observer, set });
  const observing = observer.run(signal);
  const [verify, store] = await Promise.all([
    createTokenVerifier({ keysPath: config.tokenKeysPath }),
    openStore({
      service: "compute",
      host,
      redisUrl,
      dataDir,
      kinds: [...computeKinds, operationKind],
      logPolicy: { memoryShare: config.logMemoryShare },
      log,
      signal,
    }),
  ]);
  const missed = (error: unknown): void => {
    if (!signal.aborted) log.error({ err: error }, "records could not be read: the next rebuild reads them again");
  };
  const catalog = new InstanceCatalog();
  const hosts = new HostCatalog();
  const projects = new RecordCatalog(projectKind);
  const catalogs = [catalog, hosts, projects];
  await Promise.all([...catalogs.map((each) => each.start(store, missed)), ensureDefaultProject(store)]);

  const queueRedis = connectRedis(redisUrl);
  const endpoints: Record<string, string> = {};
  const limitsView = new LimitsView(config.lxcfsDir);
  const keeper = new HostKeeper({
    host,
    store,
    redis: queueRedis,
    dataDir,
    engine,
    limitsView,
    observer,
    catalog,
    endpoints,
    engineOwned: config.engineOwned,
    log,
    signal,
  });
  const tools = hostTools({
    realm,
    config,
    engine,
    observer,
    catalog,
    keeper,
    limitsView,
    log,
    now: () => store.now(),
  });
  const limits = { concurrency: config.jobConcurrency, queueWaitingMax: config.jobQueueMax };
  const operations = new OperationQueue({
    store,
    redis: queueRedis,
    log,
    limits,
    reserve: (queue) => worker.reserve(queue),
  });
  const needProject = (name: string): Promise<unknown> => store.need(projectKind, name);
  const worker = startWorker({
    store,
    redisUrl,
    host,
    jobs: computeJobs(tools),
    kinds: computeKinds,
    log,
    registry: metrics.registry,
    limits,
  });
  const reconciler = new Reconciler({ tools, store, operations, isActive: () => worker.active, log });
  const peers = new Peers({
    service: "compute",
    find: (of) => computeAddressOf(store, of),
    credentials: () => tls.channelCredentials(),
  });
  const { clusterAddress } = config;
  const clusters =
    clusterAddress === ""
      ? undefined
      : new Clusters({ address: clusterAddress, credentials: tls.channelCredentials() });
  const meter = new ContainerMeter(engine);
  const usage = new UsageSampler({ host, realm, observer, meter, set, diskPath: () => keeper.diskPath, log, signal });
  const askInnerEngine: typeof tools.innerEngines.ask = (instance, ended) => tools.innerEngines.ask(instance, ended);
  const instances = new InstanceObserver({ host, store, observer, catalog, askInnerEngine, log, signal });
  instances.start();
  const ctx: ComputeContext = {
    config,
    log,
    store,
    operations,
    catalog,
    hosts,
    projects,
    clusters,
    tools,
    observations: set,
    usage,
    isActive: () => worker.active,
    streams: { host, store, engine, meter, peers },
    admission: new Mutex({ waitingMax: config.admissionsWaitingMax, limitName: "GANTRY_ADMISSIONS_WAITING_MAX" }),
    signal,
  };
  const server = await createGrpcServer({
    listen: config.listen,
    tls,
    services: [
      { definition: ComputeServiceService, handlers: computeHandlers(ctx) },
      { definition: OperationsService, handlers: operationsServer({ store, operations, limits, needProject }) },
    ],
    verify,
    log,
    metrics,
    signal,
    limits: config.rpcLimits,
  });
  endpoints["compute"] = config.endpoint || server.address;
  await keeper.register();
  const keeping = [keeper.run(), markLostHosts({ store, redis: queueRedis, log, signal })];
  reconciler.run(signal);
  server.setHealth("SERVING");
  return {
    ready: { address: server.address },
    drain: async () => {
      await Promise.all([server.drain(config.drainTimeoutMs), worker.close()]);
    },
    async destroy() {
      server.close();
      stopShowing();
      await Promise.allSettled([worker.close(), reconciler.idle(), operations.close(), observing, ...keeping]);
      peers.close();
      clusters?.close();
      for (const each of catalogs) each.close();
      queueRedis.disconnect();
      engine.close();
      tls.close();
      await store.close();
    },
  };
}

interface ToolsInput extends Pick<HostTools, "realm" | "engine" | "observer" | "catalog"> {
  config: ComputeConfig;
  keeper: HostKeeper;
  limitsView: LimitsView;
  log: MainContext<ComputeConfig>["log"];
  now: () => Date;
}

function hostTools({ realm, config, engine, observer, catalog, keeper, limitsView, log, now }: ToolsInput): HostTools {
  const host = config.hostName;
  const reserved = () =>
    catalog
      .onHost(host)
      .flatMap(({ meta, reservation }) =>
        reservation && reservation.ipv4 !== "" ? [{ uid: meta!.uid, ipv4: reservation.ipv4 }] : [],
      );
  const network = new RealmNetwork({
    engine,
    realm,
    name: config.networkName,
    subnet: config.networkSubnet,
    log,
    reserved: () => reserved().map(({ ipv4 }) => ipv4),
  });
  const tls = new TlsStore(config.dataDir);
  return {
    host,
    realm,
    engine,
    observer,
    catalog,
    network: new HostNetwork(network, reserved),
    tls,
    innerEngines: new InnerEngineClient({ tls, host, now }),
    slots: new EngineSlots(config.engineConcurrency),
    deviceRequests: (ids) => keeper.deviceRequests(ids),
    limitsView: () => limitsView.mounts(),
  };
}
