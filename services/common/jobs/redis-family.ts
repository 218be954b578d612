import type { Redis } from "ioredis";

/**
 * Ends a connection together with the copies that BullMQ makes of it for blocking commands: BullMQ waits for Redis when it closes them, and
 * leaves them reconnecting for ever where Redis is away.
 */
export function withCopies(redis: Redis): { redis: Redis; disconnect: () => void } {
  const family = [redis];
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (...options) => {
    const copy = duplicate(...options);
    family.push(copy);
    return copy;
  };
  return {
    redis,
    disconnect() {
      for (const member of family) member.disconnect();
    },
  };
}
