import { defineScript } from "../../redis/script.ts";

/**
 * Begins a new log: a new id, a counter above everything that was seen, and no entries.
 *
 * KEYS meta, log, ages, snapshots, restored. ARGV log id and revision as found (empty: none), new log id, highest revision seen.
 * Replies with the log id and revision that hold now: another process may have been first.
 */
export const RENEW = defineScript(
  `
local state = redis.call('HMGET', KEYS[1], 'log_id', 'revision')
local log_id, revision = state[1] or '', state[2] or ''
if log_id ~= ARGV[1] or revision ~= ARGV[2] then return {log_id, revision} end
local next = string.format('%.0f', math.max(tonumber(revision) or 0, tonumber(ARGV[4])) + 1)
redis.call('HSET', KEYS[1], 'log_id', ARGV[3], 'revision', next)
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
return {ARGV[3], next}
`,
  { whenFull: true },
);
