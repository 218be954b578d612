import { type ConfigReader, type Environment, readConfig } from "../common/config/config.ts";
import { type HostServiceConfig, readHostServiceConfig } from "../common/config/host-service.ts";
import { readServices } from "../common/config/services.ts";
import { isImageReference } from "../common/engine/image-reference.ts";
import { parseRange } from "../common/network/cidr.ts";
import type { PlacementRules } from "./placement/candidate.ts";

export interface ComputeConfig extends HostServiceConfig {
  /** Gantry started the engine for itself. */
  engineOwned: boolean;
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
}

export const NETWORK_NAME_DEFAULT = "gantry";
const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;
const SUBNET_PREFIX_MAX = 28;

export function computeConfig(env: Environment): ComputeConfig {
  return readConfig(env, readComputeConfig);
}

export function readComputeConfig(c: ConfigReader): ComputeConfig {
  return {
    ...readHostServiceConfig(c, {
      metricsListen: "127.0.0.1:9711",
      listen: "127.0.0.1:9611",
      jobConcurrency: 32,
      waitingMax: 10_000,
    }),
    engineOwned: c.boolean("GANTRY_ENGINE_OWNED", false, "Whether Gantry started the engine for itself"),
    clusterAddress: readServices(c, "").get("cluster") ?? "",
    instanceImage: instanceImage(c),
    networkName: c.string("GANTRY_NETWORK", NETWORK_NAME_DEFAULT, "Name of the realm's own network on the engine", {
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
  };
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
