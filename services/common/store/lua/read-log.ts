import { defineScript } from "../../redis/script.ts";

/**
 * Joins the events of the entries behind a revision into one string: what a Watch stream passes on. Far cheaper for the reader than
 * the entries one by one.
 *
 * KEYS log. ARGV revision, most entries, bytes at which it stops (behind the entry that reaches them).
 * Replies count, first revision, last revision, events.
 */
export const READ_LOG = defineScript(
  `
local after, left, bytes = '(' .. ARGV[1] .. '-0', tonumber(ARGV[2]), tonumber(ARGV[3])
local parts, count, first, last = {}, 0, false, false
while left > 0 and bytes > 0 do
  local step = math.min(left, 25)
  local entries = redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    count = count + 1
    parts[count] = entry[2][2]
    bytes = bytes - #entry[2][2]
    first = first or entry[1]
    last = entry[1]
    if bytes <= 0 then break end
  end
  if #entries < step then break end
  left = left - step
  after = '(' .. last
end
return {count, first, last, table.concat(parts)}
`,
  { readOnly: true },
);
