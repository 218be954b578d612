/** Lua: `meta.version` of a stored record: behind the schema, the tag and length of meta and the version's own tag. */
export const VERSION_OF = `
local function version_of(stored)
  local at = 4
  while string.byte(stored, at) >= 128 do at = at + 1 end
  return (struct.unpack('<I8', stored, at + 2))
end
`;
