/** MurmurHash3_x86_32 of bytes: an unsigned 32-bit number. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const length = bytes.length;
  const body = length & ~3;
  let h = seed | 0;
  for (let i = 0; i < body; i += 4) {
    const k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    h ^= scramble(k);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  let k = 0;
  const rest = length & 3;
  if (rest === 3) k ^= bytes[body + 2]! << 16;
  if (rest >= 2) k ^= bytes[body + 1]! << 8;
  if (rest >= 1) h ^= scramble(k ^ bytes[body]!);
  h ^= length;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

function scramble(k: number): number {
  const a = Math.imul(k, 0xcc9e2d51);
  return Math.imul((a << 15) | (a >>> 17), 0x1b873593);
}
