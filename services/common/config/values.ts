/** Parsers of setting values: each throws an Error whose message says what is accepted. */

const DURATION_UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS_BYTES: Record<string, number> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export function parseInteger(text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new Error("must be a whole number");
  return value;
}

/** Milliseconds of `250ms`, `1.5s`, `10m`, `24h` or `7d`. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) throw new Error("must be a time such as 250ms, 30s, 10m, 24h or 7d");
  return Number(number) * (DURATION_UNITS_MS[unit] as number);
}

/** Bytes of `4096`, `4MB` (decimal) or `4MiB` (binary). */
export function parseSize(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s?([KMGT]i?B|B)?$/.exec(text) ?? [];
  if (number === undefined) throw new Error("must be a size such as 4096, 4MB or 4MiB");
  return Math.round(Number(number) * (SIZE_UNITS_BYTES[unit] as number));
}

export function parseBoolean(text: string): boolean {
  if (["1", "true", "yes", "on"].includes(text)) return true;
  if (["0", "false", "no", "off"].includes(text)) return false;
  throw new Error("must be true or false");
}

export interface HostPort {
  host: string;
  port: number;
}

/** `host:port` or `[ipv6]:port`; port 0 means any free one. */
export function splitHostPort(text: string): HostPort {
  const [, ipv6, host, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const name = ipv6 ?? host;
  if (name === undefined || port > 65_535) throw new Error("must be host:port or [ipv6]:port");
  return { host: name, port };
}

/** What `splitHostPort` takes. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The longest value that is shown whole when a setting is refused; a longer one may be a secret put in the wrong place. */
const SHOWN_CHARS_MAX = 64;

export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text);
}
