/** The text's beginning of at most `bytesMax` bytes of UTF-8, with no character cut in two. */
export function clipBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  // Bytes of the form 10xxxxxx go on with the character before.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
