import type { StoreKeys } from "../../redis/keys.ts";
import { redisFailure } from "../../redis/errors.ts";
import type { RedisLink } from "../link.ts";
import { Regressed, text } from "../link.ts";
import { READ_POSITION } from "../lua/read.ts";

const PAGE_ENTRIES = 1_000;
/** More than can be written by all others while one connection is lost and made again. */
const PAGES_MAX = 200;

/** Revision of a write, looked for behind `after`; undefined when it is not in the log. Throws Regressed when the log is another. */
export async function findWrite(
  link: RedisLink,
  keys: StoreKeys,
  logId: string,
  after: number,
  writeId: string,
): Promise<number | undefined> {
  const reply = await link.readAny(READ_POSITION, [keys.meta, keys.log], [after]);
  if (text(reply[0]) !== logId || Number(text(reply[1])) < after) throw new Regressed();
  let last = after;
  for (let page = 0; page < PAGES_MAX; page++) {
    const entries = await range(link, keys.log, last);
    for (const [id, [writer]] of entries) {
      last = Number(id.toString("latin1", 0, id.length - 2));
      if (writer.toString("latin1") === writeId) return last;
    }
    if (entries.length < PAGE_ENTRIES) return undefined;
  }
  return undefined;
}

async function range(link: RedisLink, key: string, after: number): Promise<[Buffer, [Buffer, Buffer]][]> {
  try {
    const reply = await link.redis.callBuffer("XRANGE", key, `(${after}-0`, "+", "COUNT", PAGE_ENTRIES);
    return reply as [Buffer, [Buffer, Buffer]][];
  } catch (error) {
    throw redisFailure(error);
  }
}
