import type { Redis } from "ioredis";
import { servicePrefix } from "../../common/redis/keys.ts";
import { findEndpoint } from "../../common/redis/whereabouts.ts";

/** How often it is looked where this host's other services answer. */
export const NEIGHBOURS_INTERVAL_MS = 2_000;
/** Services besides compute whose process on a host alone tells what is observed there. */
const NEIGHBOURS = ["cluster"];

/**
 * gRPC addresses of the host's other services, by name, as their processes announce them: for the host's record, where gateways of other hosts
 * find them. One of which nothing is heard is left out.
 */
export async function neighbourEndpoints(redis: Redis, host: string): Promise<Record<string, string>> {
  const endpoints: Record<string, string> = {};
  // It is looked again soon: nothing waits for Redis to come back.
  if (redis.status !== "ready") return endpoints;
  for (const service of NEIGHBOURS) {
    const address = await findEndpoint(redis, servicePrefix(service), host);
    if (address !== undefined) endpoints[service] = address;
  }
  return endpoints;
}
