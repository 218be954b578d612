/** Bytes received and sent, by interface, from the text of /proc/net/dev. */
export function parseNetDev(text: string): Map<string, { receiveBytes: number; transmitBytes: number }> {
  const found = new Map<string, { receiveBytes: number; transmitBytes: number }>();
  for (const line of text.split("\n").slice(2)) {
    const [name, counters] = line.split(":");
    if (counters === undefined) continue;
    const fields = counters.trim().split(/\s+/).map(Number);
    found.set(name!.trim(), { receiveBytes: fields[0] ?? 0, transmitBytes: fields[8] ?? 0 });
  }
  return found;
}

/** Sum over all interfaces but those that `skip` names. */
export function sumNetDev(
  text: string,
  skip: (name: string) => boolean,
): { receiveBytes: number; transmitBytes: number } {
  let receiveBytes = 0;
  let transmitBytes = 0;
  for (const [name, counters] of parseNetDev(text)) {
    if (skip(name)) continue;
    receiveBytes += counters.receiveBytes;
    transmitBytes += counters.transmitBytes;
  }
  return { receiveBytes, transmitBytes };
}
