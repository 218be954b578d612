/** An IPv4 range: first address as a number, and prefix length. */
export interface Range {
  first: number;
  prefix: number;
}

export function parseRange(cidr: string): Range | undefined {
  const [address, length] = cidr.split("/");
  const number = parseIpv4(address ?? "");
  const prefix = Number(length);
  if (number === undefined || !/^\d{1,2}$/.test(length ?? "") || prefix > 32) return undefined;
  return { first: number - (number % sizeOf(prefix)), prefix };
}

export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

export function formatIpv4(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

export function formatRange({ first, prefix }: Range): string {
  return `${formatIpv4(first)}/${prefix}`;
}

/** Number of addresses. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first < b.first + sizeOf(b.prefix) && b.first < a.first + sizeOf(a.prefix);
}

export function contains(range: Range, address: number): boolean {
  return address >= range.first && address < range.first + sizeOf(range.prefix);
}

/** Ranges of `prefix` inside `within` that overlap none of `used`, in order. */
export function* freeRanges(within: Range, prefix: number, used: readonly Range[]): Generator<Range> {
  for (let first = within.first; first < within.first + sizeOf(within.prefix); first += sizeOf(prefix)) {
    const range = { first, prefix };
    if (!used.some((other) => overlaps(range, other))) yield range;
  }
}
