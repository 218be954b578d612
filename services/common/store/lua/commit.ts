import { defineScript } from "../../redis/script.ts";
import { VERSION_OF } from "./version-of.ts";

/**
 * One write: everything is checked, then everything is written, in one revision.
 *
 * KEYS meta, log, gone
 * ARGV prefix, log id, highest revision seen, write id, fence key, fence token, request key, request value, request TTL (s),
 *   count of checks, then (kind, name, version; 0: must not exist) each,
 *   count of writes, then (kind, name, uid, record, offset of its version, event head, event tail) each; record empty: delete,
 *   count of set changes, then (`+` or `-`, key, member) each,
 *   count of bounds, then (most, count of keys, (LLEN or ZCARD, key) each) each.
 * Replies OK revision | REGRESSED | FENCED | DUPLICATE value | CONFLICT kind name | FULL, always with the time in between.
 */
export const COMMIT = defineScript(`
${VERSION_OF}
local prefix = ARGV[1]
local time = redis.call('TIME')
local state = redis.call('HMGET', KEYS[1], 'log_id', 'revision')
if state[1] ~= ARGV[2] or tonumber(state[2]) < tonumber(ARGV[3]) then
  return {'REGRESSED', time[1], time[2]}
end
if ARGV[5] ~= '' and redis.call('GET', ARGV[5]) ~= ARGV[6] then
  return {'FENCED', time[1], time[2]}
end
if ARGV[7] ~= '' then
  local value = redis.call('GET', ARGV[7])
  if value then return {'DUPLICATE', time[1], time[2], value} end
end

local at = 10
local checks = tonumber(ARGV[at])
at = at + 1
for _ = 1, checks do
  local expected = tonumber(ARGV[at + 2])
  local stored = redis.call('HGET', prefix .. ':r:' .. ARGV[at], ARGV[at + 1])
  local current = stored and version_of(stored) or 0
  if current ~= expected then return {'CONFLICT', time[1], time[2], ARGV[at], ARGV[at + 1]} end
  at = at + 3
end

local writes = tonumber(ARGV[at])
at = at + 1
local sets_at = at + 7 * writes
local bounds_at = sets_at + 1 + 3 * tonumber(ARGV[sets_at])
local bound = bounds_at + 1
for _ = 1, tonumber(ARGV[bounds_at]) do
  local members = 0
  local keys = tonumber(ARGV[bound + 1])
  for key = 0, keys - 1 do
    members = members + redis.call(ARGV[bound + 2 + 2 * key], ARGV[bound + 3 + 2 * key])
  end
  if members >= tonumber(ARGV[bound]) then return {'FULL', time[1], time[2]} end
  bound = bound + 2 + 2 * keys
end

local revision = tonumber(state[2])
if writes > 0 then
  revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
  local bytes = struct.pack('<I8', revision)
  local events = {}
  for _ = 1, writes do
    local kind, name, record = ARGV[at], ARGV[at + 1], ARGV[at + 3]
    if record == '' then
      redis.call('HDEL', prefix .. ':r:' .. kind, name)
      redis.call('ZREM', prefix .. ':n:' .. kind, name)
      redis.call('ZADD', KEYS[3], revision, ARGV[at + 2])
      events[#events + 1] = ARGV[at + 5] .. bytes .. ARGV[at + 6]
    else
      local offset = tonumber(ARGV[at + 4])
      local stored = string.sub(record, 1, offset) .. bytes .. string.sub(record, offset + 9)
      redis.call('HSET', prefix .. ':r:' .. kind, name, stored)
      redis.call('ZADD', prefix .. ':n:' .. kind, 0, name)
      events[#events + 1] = ARGV[at + 5] .. bytes .. ARGV[at + 6] .. string.sub(stored, 3)
    end
    at = at + 7
  end
  redis.call('XADD', KEYS[2], string.format('%.0f-0', revision), ARGV[4], table.concat(events))
end

local sets = tonumber(ARGV[at])
at = at + 1
for _ = 1, sets do
  redis.call(ARGV[at] == '+' and 'SADD' or 'SREM', ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
if ARGV[7] ~= '' then redis.call('SET', ARGV[7], ARGV[8], 'EX', ARGV[9]) end
return {'OK', time[1], time[2], revision}
`);
