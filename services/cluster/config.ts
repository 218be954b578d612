import { type ConfigReader, type Environment, readConfig } from "../common/config/config.ts";
import { type HostServiceConfig, readHostServiceConfig } from "../common/config/host-service.ts";
import { readServices } from "../common/config/services.ts";
import { isImageReference } from "../common/engine/image-reference.ts";
import { parseRange, type Range } from "../common/network/cidr.ts";

export interface ClusterConfig extends HostServiceConfig {
  /** Node image of clusters that name none. */
  nodeImage: string;
  /** Where clusters' own networks get their subnets. */
  subnets: Range;
  /** gRPC address of the compute service, which knows the projects. */
  computeAddress: string;
}

/** Prefix length of a cluster's own network. */
export const CLUSTER_PREFIX = 24;

export function clusterConfig(env: Environment): ClusterConfig {
  return readConfig(env, readClusterConfig);
}

export function readClusterConfig(c: ConfigReader): ClusterConfig {
  return {
    ...readHostServiceConfig(c, {
      metricsListen: "127.0.0.1:9712",
      listen: "127.0.0.1:9612",
      jobConcurrency: 16,
      waitingMax: 1_000,
    }),
    nodeImage: nodeImage(c),
    subnets: clusterSubnets(c),
    computeAddress: computeAddress(c),
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
  const address = readServices(c, "compute=127.0.0.1:9611").get("compute");
  if (address === undefined) c.problems.push("GANTRY_SERVICES must name compute, which knows the projects");
  return address ?? "";
}
