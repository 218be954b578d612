import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { logDestination } from "../../services/common/log/log.ts";
import { realmIdOf } from "../../services/common/realm/realm-id.ts";
import { keepRenewed } from "../../services/common/realm/renew.ts";
import { engineCgroups, removeCgroups } from "./engine/cgroups.ts";
import type { EngineNetwork } from "./engine/engine-config.ts";
import { forwardingChange } from "./engine/forwarding.ts";
import { ownNetwork } from "./engine/own-network.ts";
import { tearDownNetwork } from "./engine/network.ts";
import { hasContainers, preparePrivateEngine } from "./engine/private-engine.ts";
import { chooseEngine, type EngineChoice } from "./engine/choose-engine.ts";
import { provideInstanceImage } from "./images/instance-image.ts";
import { localNodeImage } from "./images/local-node-image.ts";
import { provideEnginePrograms } from "./install/engine-programs.ts";
import { install, type InstallContext } from "./install/install.ts";
import type { MachineReport } from "./machine/check-machine.ts";
import type { StartOptions } from "./options.ts";
import { type AdminContext, keepAdminContext } from "./realm/admin-context.ts";
import { setUpRealm } from "./realm/set-up-realm.ts";
import { networkNameOf } from "./realm/network-name.ts";
import { redisMemoryMaxBytes } from "./redis/memory.ts";
import { preparePrivateRedis } from "./redis/private-redis.ts";
import type { Screen } from "./screen.ts";
import {
  clusterSettings,
  computeSettings,
  gatewaySettings,
  gatewayUrl,
  hostPort,
  reachable,
  serviceProgram,
} from "./services.ts";
import type { Supervisor } from "./supervise/supervisor.ts";

export interface StartRealmContext {
  options: StartOptions;
  report: MachineReport;
  screen: Screen;
  supervisor: Supervisor;
  /** What is to be done once everything has stopped, also when not all of it could be started. */
  afterStop: (() => Promise<void>)[];
  /** Handed on to what must end before another start may begin. */
  lockFd: number;
  signal: AbortSignal;
}

export interface StartedRealm {
  /** Base URL of the gateway's HTTP and WebSocket. */
  gateway: string;
  /** Of the gantry command. */
  context: AdminContext;
  engineIsPrivate: boolean;
}

/** Starts everything in the order in which one needs the other. */
export async function startRealm(context: StartRealmContext): Promise<StartedRealm> {
  const { options, report, screen, supervisor, lockFd, signal } = context;
  const { dataDir, hostName, listen, ports, logLevel, env } = options;
  const installing = { path: env["PATH"] ?? "", say: screen.change };
  await mkdir(join(dataDir, "log"), { recursive: true, mode: 0o700 });
  await install(report.toInstall, installing);

  const engine = await startEngine(context, installing);
  const redisUrl = options.redisUrl ?? (await startPrivateRedis(context));

  const { realm, certificates } = await setUpRealm(dataDir, hostName);
  const log = pino({ name: "start", level: logLevel }, logDestination(startLogPath(dataDir)));
  keepRenewed(realm, certificates, { signal, log });
  screen.good("realm", `certificates in ${join(dataDir, "tls")}`);

  const instanceImage =
    options.instanceImage ??
    (await provideInstanceImage({ socket: engine.socket, cacheDir: options.cacheDir, say: screen.change, signal }));
  screen.good("image", `${instanceImage}, for instances that name none`);

  // Where it was made, there was no registry to have another from.
  const nodeImage = options.nodeImage ?? (await localNodeImage(engine.socket));
  if (nodeImage !== undefined) screen.good("image", `${nodeImage}, for clusters that name none`);

  const addresses = {
    redisUrl,
    engineSocket: engine.socket,
    engineOwned: engine.network !== undefined,
    instanceImage,
    nodeImage,
    networkName: await networkNameOf(realmIdOf(await readFile(realm.caPath)), engine.socket),
    realmSubnet: engine.network?.realmSubnet,
    clusterSubnets: engine.network?.clusterSubnets,
    compute: `127.0.0.1:${ports.compute}`,
    cluster: `127.0.0.1:${ports.cluster}`,
    http: hostPort(listen, ports.http),
    grpc: hostPort(listen, ports.grpc),
  };
  const common = { dataDir, hostName, logLevel, env, orphanSignal: "SIGTERM", inheritFd: lockFd } as const;
  await supervisor.start(
    serviceProgram("compute", {
      ...common,
      metricsListen: `127.0.0.1:${ports.computeMetrics}`,
      settings: computeSettings(addresses),
    }),
  );
  await supervisor.start(
    serviceProgram("cluster", {
      ...common,
      metricsListen: `127.0.0.1:${ports.clusterMetrics}`,
      settings: clusterSettings(addresses),
    }),
  );
  await supervisor.start(
    serviceProgram("gateway", {
      ...common,
      metricsListen: `127.0.0.1:${ports.gatewayMetrics}`,
      settings: gatewaySettings({ ...addresses, tlsDir: join(dataDir, "tls") }),
    }),
  );
  const gateway = gatewayUrl(addresses.http);
  const target = { contextFile: options.contextFile, address: reachable(addresses.grpc), gateway };
  const adminContext = await keepAdminContext(realm, target, { signal, log });
  return { gateway, context: adminContext, engineIsPrivate: engine.network !== undefined };
}

/** The log of `npm start` itself. */
export function startLogPath(dataDir: string): string {
  return join(dataDir, "log", "start.log");
}

interface EngineInUse {
  socket: string;
  /** Of an engine of our own. */
  network: EngineNetwork | undefined;
}

async function startEngine(context: StartRealmContext, installing: InstallContext): Promise<EngineInUse> {
  const { options, report, screen, supervisor, afterStop, signal } = context;
  if (report.engine.kind === "found") return { socket: report.engine.socket, network: undefined };
  const dir = join(options.dataDir, "engine");
  const { dir: programsDir } = await provideEnginePrograms(dir, installing);
  // A package that was just installed may have started its engine.
  const again = await chooseEngine(options);
  if (again.kind === "found") {
    screen.good("engine", `Docker ${again.version} at ${again.socket}, as its package started it`);
    return { socket: again.socket, network: undefined };
  }
  const network = await ownNetwork(dir);
  screen.change(
    `starting a container engine in ${dir}, with bridge ${network.bridge} (${network.range}) and nftables table ${network.bridge}, since ${why(again)}`,
  );
  const forwarding = forwardingChange();
  if (forwarding !== undefined) screen.change(forwarding);
  afterStop.push(() => leaveEngine(dir, network, screen));
  const engine = await preparePrivateEngine({ dir, network, programsDir, env: options.env, orphanSignal: "SIGTERM" });
  for (const program of engine.programs) await supervisor.start(program);
  const { socket } = engine.paths;
  const own = await chooseEngine({ engineSocket: socket, dockerHost: undefined });
  if (own.kind !== "found") throw new Error(own.kind === "unusable" ? own.problem : own.reason);
  signal.throwIfAborted();
  screen.good("engine", `Docker ${own.version} at ${socket}`);
  return { socket, network };
}

/** The next start makes the links again, under the same names. */
async function leaveEngine(dir: string, network: EngineNetwork, screen: Screen): Promise<void> {
  if (hasContainers(dir)) {
    screen.plain(`Instances and clusters go on running; bridge and nftables table ${network.bridge} stay for them.`);
    return;
  }
  screen.change(`removing bridge, nftables table and control groups of ${network.bridge}: no instance runs`);
  await tearDownNetwork(network);
  await removeCgroups(await engineCgroups(network));
}

function why(choice: EngineChoice): string {
  return choice.kind === "private" ? choice.reason : "none is there";
}

async function startPrivateRedis({ options, supervisor, lockFd }: StartRealmContext): Promise<string> {
  const redis = await preparePrivateRedis({
    dir: join(options.dataDir, "redis"),
    memoryMaxBytes: redisMemoryMaxBytes(),
    env: options.env,
    orphanSignal: "SIGTERM",
    inheritFd: lockFd,
  });
  await supervisor.start(redis.program);
  return redis.url;
}
