import { availableParallelism } from "node:os";
import { type ConfigReader, type Environment, readConfig, REQUIRED } from "../common/config/config.ts";
import { type ProcessConfig, readProcessConfig } from "../common/config/process.ts";
import { splitHostPort } from "../common/config/values.ts";
import { isImageReference } from "../common/engine/image-reference.ts";
import { parseRange, type Range } from "../common/network/cidr.ts";

export interface ClusterConfig extends ProcessConfig {
  redisUrl: string;
  /** Unix socket of the host's engine. */
  engineSocket: string;
  /** gRPC address. */
  listen: string;
  /** gRPC address by which other hosts reach this process; empty: the one it listens on. */
  endpoint: string;
  /** Node image of clusters that name none. */
  nodeImage: string;
  /** Where clusters' own networks get their subnets. */
  subnets: Range;
  /** gRPC address of the compute service, which knows the projects. */
  computeAddress: string;
  /** Node containers that are made or started at the same time on this host. */
  engineConcurrency: number;
  /** Jobs that run at the same time on this host. */
  jobConcurrency: number;
  /** Jobs that may wait for this host. */
  jobQueueMax: number;
  /** Creations that may wait for their turn to be admitted. */
  admissionsWaitingMax: number;
}

/** Prefix length of a cluster's own network. */
export const CLUSTER_PREFIX = 24;

export function clusterConfig(env: Environment): ClusterConfig {
  return readConfig(env, readClusterConfig);
}

export function readClusterConfig(c: ConfigReader): ClusterConfig {
  return {
    ...readProcessConfig(c, { metricsListen: "127.0.0.1:9712" }),
    redisUrl: c.string("GANTRY_REDIS_URL", REQUIRED, "Redis, as redis://host:port or unix:///path"),
    engineSocket: c.path("GANTRY_ENGINE_SOCKET", "/var/run/docker.sock", "Unix socket of the container engine"),
    listen: c.hostPort("GANTRY_LISTEN", "127.0.0.1:9612", "gRPC address"),
    endpoint: c.hostPort("GANTRY_ENDPOINT", "", "gRPC address by which other hosts reach this process"),
    nodeImage: nodeImage(c),
    subnets: clusterSubnets(c),
    computeAddress: computeAddress(c),
    engineConcurrency: c.integer(
      "GANTRY_ENGINE_CONCURRENCY",
      4 * availableParallelism(),
      "Node containers that are made or started at the same time on this host; by default four for each processor",
      { min: 1, max: 256 },
    ),
    jobConcurrency: c.integer("GANTRY_JOB_CONCURRENCY", 16, "Jobs that run at the same time on this host", {
      min: 1,
      max: 256,
    }),
    jobQueueMax: c.integer("GANTRY_JOB_QUEUE_MAX", 1_000, "Jobs that may wait for this host", {
      min: 1,
      max: 1_000_000,
    }),
    admissionsWaitingMax: c.integer("GANTRY_ADMISSIONS_WAITING_MAX", 1_000, "Creations that may wait to be admitted", {
      min: 1,
      max: 1_000_000,
    }),
  };
}

function nodeImage(c: ConfigReader): string {
  const image = c.string("GANTRY_NODE_IMAGE", "kindest/node:v1.31.0", "Node image of clusters that name none");
  if (!isImageReference(image)) c.problems.push("GANTRY_NODE_IMAGE is not an image reference");
  return image;
}

function clusterSubnets(c: ConfigReader): Range {
  const text = c.string("GANTRY_CLUSTER_SUBNETS", "10.208.0.0/12", "Range that clusters' networks are taken from");
  const range = parseRange(text);
  if (range && range.prefix <= CLUSTER_PREFIX) return range;
  c.problems.push(
    `GANTRY_CLUSTER_SUBNETS must be an IPv4 range of at most /${CLUSTER_PREFIX}, such as 10.208.0.0/12: each cluster gets a /${CLUSTER_PREFIX}`,
  );
  return { first: 0, prefix: 0 };
}

function computeAddress(c: ConfigReader): string {
  const services = c.map("GANTRY_SERVICES", "compute=127.0.0.1:9611", "gRPC address of each service", (address) => {
    splitHostPort(address);
    return address;
  });
  const address = services.get("compute");
  if (address === undefined) c.problems.push("GANTRY_SERVICES must name compute, which knows the projects");
  return address ?? "";
}
