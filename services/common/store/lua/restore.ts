import { defineScript } from "../../redis/script.ts";
import { VERSION_OF } from "./version-of.ts";

/** Lua: version of a stored record; of one that was put back, the version it had in the file it came from. */
const VERSION_BEFORE = `${VERSION_OF}
local function version_before(stored, uid)
  local current = version_of(stored)
  local from, given = string.match(redis.call('HGET', KEYS[4], uid) or '', '^(%d+):(%d+)$')
  if from and tonumber(given) == current then return tonumber(from) end
  return current
end
`;

/** Lua: whether a stored record has this identity: name and uid of its meta, which stand behind its version. */
const IS_SAME = `
local function is_same(stored, identity)
  local at = 4
  while string.byte(stored, at) >= 128 do at = at + 1 end
  return string.sub(stored, at + 10, at + 9 + #identity) == identity
end
`;

/** What `restored` remembers is needed until every host has been back. */
const RESTORED_TTL_S = 7 * 24 * 3600;

/**
 * Puts a record back from a host's file where Redis has none or an older version. What other hosts put back since the log was
 * renewed counts with the version of their file, so the newest copy wins whatever the order they come in; what was written
 * after that is never touched.
 *
 * KEYS meta, log, gone, restored
 * ARGV prefix, log id, write id, kind, name, uid, version in the file, record, offset of its version, event head, event tail
 * Replies RESTORED | KEPT (Redis has the same or newer) | GONE (was deleted) | REGRESSED
 */
export const RESTORE = defineScript(
  `
${VERSION_BEFORE}
local prefix, kind, name, uid, record = ARGV[1], ARGV[4], ARGV[5], ARGV[6], ARGV[8]
local version = tonumber(ARGV[7])
if redis.call('HGET', KEYS[1], 'log_id') ~= ARGV[2] then return 'REGRESSED' end
if redis.call('ZSCORE', KEYS[3], uid) then return 'GONE' end
local stored = redis.call('HGET', prefix .. ':r:' .. kind, name)
if stored then
  if version_before(stored, uid) >= version then return 'KEPT' end
end
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
local bytes = struct.pack('<I8', revision)
local offset = tonumber(ARGV[9])
local patched = string.sub(record, 1, offset) .. bytes .. string.sub(record, offset + 9)
redis.call('HSET', prefix .. ':r:' .. kind, name, patched)
redis.call('ZADD', prefix .. ':n:' .. kind, 0, name)
redis.call('HSET', KEYS[4], uid, string.format('%.0f:%.0f', version, revision))
redis.call('EXPIRE', KEYS[4], ${RESTORED_TTL_S})
redis.call('XADD', KEYS[2], string.format('%.0f-0', revision), ARGV[3], ARGV[10] .. bytes .. ARGV[11] .. string.sub(patched, 3))
return 'RESTORED'
`,
  { whenFull: true },
);

/**
 * Repeats a deletion that a host remembers. Deletes what Redis has under the name only when it is the same thing (uid) and older.
 *
 * KEYS meta, log, gone, restored
 * ARGV prefix, log id, write id, kind, name, uid, revision of the deletion, event head, event tail, name and uid encoded as in meta
 * Replies DELETED | KEPT | REGRESSED
 */
export const RESTORE_DELETION = defineScript(
  `
${VERSION_BEFORE}${IS_SAME}
local prefix, kind, name, uid = ARGV[1], ARGV[4], ARGV[5], ARGV[6]
if redis.call('HGET', KEYS[1], 'log_id') ~= ARGV[2] then return 'REGRESSED' end
redis.call('ZADD', KEYS[3], ARGV[7], uid)
local stored = redis.call('HGET', prefix .. ':r:' .. kind, name)
if not stored or not is_same(stored, ARGV[10]) then return 'KEPT' end
if version_before(stored, uid) >= tonumber(ARGV[7]) then return 'KEPT' end
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HDEL', prefix .. ':r:' .. kind, name)
redis.call('ZREM', prefix .. ':n:' .. kind, name)
redis.call('XADD', KEYS[2], string.format('%.0f-0', revision), ARGV[3], ARGV[8] .. struct.pack('<I8', revision) .. ARGV[9])
return 'DELETED'
`,
  { whenFull: true },
);
