import { totalmem } from "node:os";

const PART_OF_MEMORY = 1 / 8;
const BYTES_MIN = 256 * 1024 ** 2;

/** How much Redis may use on this machine: records are small, the log's recent part is what fills it. */
export function redisMemoryMaxBytes(totalBytes = totalmem()): number {
  return Math.max(BYTES_MIN, Math.floor(totalBytes * PART_OF_MEMORY));
}
