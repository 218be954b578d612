import { defineScript } from "../../redis/script.ts";

/** Every reply begins with log id, revision, and the time; the reader tells from them whether Redis lost anything. */
const BEGIN = `
local time = redis.call('TIME')
local state = redis.call('HMGET', KEYS[1], 'log_id', 'revision')
`;

/** KEYS meta. ARGV key of the hash, name. Replies … stored record or nothing. */
export const READ = defineScript(
  `${BEGIN}
return {state[1], state[2], time[1], time[2], redis.call('HGET', ARGV[1], ARGV[2])}
`,
  { readOnly: true },
);

/** KEYS meta. ARGV key of the names, key of the hash, lexical min, lexical max, most names. Replies … names, stored records. */
export const READ_PAGE = defineScript(
  `${BEGIN}
local names = redis.call('ZRANGEBYLEX', ARGV[1], ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])
local records = {}
if #names > 0 then records = redis.call('HMGET', ARGV[2], unpack(names)) end
return {state[1], state[2], time[1], time[2], names, records}
`,
  { readOnly: true },
);

/** KEYS meta. ARGV key of a set. Replies … members. */
export const READ_SET = defineScript(
  `${BEGIN}
return {state[1], state[2], time[1], time[2], redis.call('SMEMBERS', ARGV[1])}
`,
  { readOnly: true },
);

/**
 * KEYS meta, log. ARGV revision. Replies … id of the log's first entry or nothing, id of the write that made the revision or
 * nothing.
 */
export const READ_POSITION = defineScript(
  `${BEGIN}
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
local id = ARGV[1] .. '-0'
local there = redis.call('XRANGE', KEYS[2], id, id)
return {state[1], state[2], time[1], time[2], first[1] and first[1][1] or false, there[1] and there[1][2][1] or false}
`,
  { readOnly: true },
);
