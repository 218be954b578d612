import { availableParallelism } from "node:os";
import { type ConfigReader, type Environment, readConfig, REQUIRED } from "../common/config/config.ts";
import { splitHostPort } from "../common/config/values.ts";
import { type ProcessConfig, readProcessConfig } from "../common/config/process.ts";
import { isImageReference } from "../common/engine/image-reference.ts";
import { parseRange } from "../common/network/cidr.ts";
import type { PlacementRules } from "./placement/candidate.ts";

export interface ComputeConfig extends ProcessConfig {
  redisUrl: string;
  /** Unix socket of the host's engine. */
  engineSocket: string;
  /** Gantry started the engine for itself. */
  engineOwned: boolean;
  /** gRPC address. */
  listen: string;
  /** gRPC address that other hosts use; empty: the one it listens at. */
  endpoint: string;
  /** gRPC address of the cluster service, which is asked before a project is deleted; empty: the realm has none. */
  clusterAddress: string;
  /** Image of instances that name none: it has a Docker engine inside. */
  instanceImage: string;
  /** Name of the realm's own network on the engine. */
  networkName: string;
  /** Its subnet on this host, as CIDR; empty: a free one. */
  networkSubnet: string;
  /** Where the host's lxcfs is mounted, if it has one. */
  lxcfsDir: string;
  placement: PlacementRules;
  /** Containers that are made or started at the same time on this host. */
  engineConcurrency: number;
  /** Jobs that run at the same time on this host. */
  jobConcurrency: number;
  /** Jobs that may wait for this host. */
  jobQueueMax: number;
  /** Creations that may wait for their turn to be placed. */
  admissionsWaitingMax: number;
}

const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;
const SUBNET_PREFIX_MAX = 28;

export function computeConfig(env: Environment): ComputeConfig {
  return readConfig(env, readComputeConfig);
}

export function readComputeConfig(c: ConfigReader): ComputeConfig {
  return {
    ...readProcessConfig(c, { metricsListen: "127.0.0.1:9711" }),
    redisUrl: c.string("GANTRY_REDIS_URL", REQUIRED, "Redis, as redis://host:port or unix:///path"),
    engineSocket: c.path("GANTRY_ENGINE_SOCKET", "/var/run/docker.sock", "Unix socket of the container engine"),
    engineOwned: c.boolean("GANTRY_ENGINE_OWNED", false, "Whether Gantry started the engine for itself"),
    listen: c.hostPort("GANTRY_LISTEN", "127.0.0.1:9611", "gRPC address"),
    endpoint: c.hostPort("GANTRY_ENDPOINT", "", "gRPC address by which other hosts reach this process"),
    clusterAddress: clusterAddress(c),
    instanceImage: instanceImage(c),
    networkName: c.string("GANTRY_NETWORK", "gantry", "Name of the realm's own network on the engine", {
      pattern: NETWORK_NAME,
    }),
    networkSubnet: networkSubnet(c),
    lxcfsDir: c.path("GANTRY_LXCFS_DIR", "/var/lib/lxcfs", "Where the host's lxcfs is mounted, if it has one"),
    placement: {
      cpuOvercommit: c.integer("GANTRY_CPU_OVERCOMMIT", 8, "How often each processor may be promised", {
        min: 1,
        max: 100,
      }),
      memoryOvercommit: c.integer("GANTRY_MEMORY_OVERCOMMIT", 1, "How often memory may be promised", {
        min: 1,
        max: 10,
      }),
    },
    engineConcurrency: c.integer(
      "GANTRY_ENGINE_CONCURRENCY",
      4 * availableParallelism(),
      "Containers that are made or started at the same time on this host; by default four for each processor",
      { min: 1, max: 256 },
    ),
    jobConcurrency: c.integer("GANTRY_JOB_CONCURRENCY", 32, "Jobs that run at the same time on this host", {
      min: 1,
      max: 256,
    }),
    jobQueueMax: c.integer("GANTRY_JOB_QUEUE_MAX", 10_000, "Jobs that may wait for this host", {
      min: 1,
      max: 1_000_000,
    }),
    admissionsWaitingMax: c.integer("GANTRY_ADMISSIONS_WAITING_MAX", 10_000, "Creations that may wait to be placed", {
      min: 1,
      max: 1_000_000,
    }),
  };
}

function clusterAddress(c: ConfigReader): string {
  const services = c.map("GANTRY_SERVICES", "", "gRPC address of other services, as cluster=HOST:PORT", (address) => {
    splitHostPort(address);
    return address;
  });
  return services.get("cluster") ?? "";
}

function instanceImage(c: ConfigReader): string {
  const image = c.string(
    "GANTRY_INSTANCE_IMAGE",
    "docker:dind",
    "Image of instances that name none; runs a Docker engine",
  );
  if (!isImageReference(image)) c.problems.push("GANTRY_INSTANCE_IMAGE is not an image reference");
  return image;
}

function networkSubnet(c: ConfigReader): string {
  const text = c.string(
    "GANTRY_NETWORK_SUBNET",
    "",
    "Subnet of the realm's own network on this host; empty: a free one",
  );
  const range = text === "" ? undefined : parseRange(text);
  if (text !== "" && (!range || range.prefix > SUBNET_PREFIX_MAX)) {
    c.problems.push(
      `GANTRY_NETWORK_SUBNET must be an IPv4 range of at most /${SUBNET_PREFIX_MAX}, such as 10.200.0.0/20`,
    );
  }
  return text;
}
