import { UsageError } from "./exit-codes.ts";

const unitBytes: Record<string, number> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

const quoted = (text: string, option: string | undefined) => `${option === undefined ? "" : `${option} `}"${text}"`;

/** Kubernetes-style size, for example `512Mi`, `1.5Gi`, `2G`, `1048576`, in bytes. */
export function parseBytes(text: string, option?: string): bigint {
  const match = /^(\d+(?:\.\d+)?)([kMGT]i?|Ki)?B?$/.exec(text);
  const unit = match ? unitBytes[match[2] ?? ""] : undefined;
  if (!match || unit === undefined)
    throw new UsageError(`${quoted(text, option)} is not a size: write 512Mi, 1.5Gi or a number of bytes`);
  const bytes = Number(match[1]) * unit;
  if (!Number.isSafeInteger(Math.round(bytes))) throw new UsageError(`${quoted(text, option)} is too large a size`);
  return BigInt(Math.round(bytes));
}

/** Kubernetes-style processors, for example `500m`, `0.5`, `2`, in thousandths. */
export function parseCpu(text: string, option?: string): bigint {
  const match = /^(\d+(?:\.\d{1,3})?)(m)?$/.exec(text);
  const millis = match ? (match[2] ? Number(match[1]) : Number(match[1]) * 1000) : Number.NaN;
  if (!Number.isSafeInteger(Math.round(millis)) || (match?.[2] && !Number.isInteger(millis))) {
    throw new UsageError(`${quoted(text, option)} is not a number of processors: write 2, 0.5 or 500m`);
  }
  return BigInt(Math.round(millis));
}

const durationMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `1h30m`, `500ms`, in milliseconds. */
export function parseDurationMs(text: string, option?: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) {
    throw new UsageError(`${quoted(text, option)} is not a duration: write 90s, 5m or 1h30m`);
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * (durationMs[part[2] ?? ""] ?? 0), 0);
}

export function formatBytes(bytes: bigint): string {
  const value = Number(bytes);
  for (const [unit, size] of [
    ["Ti", 2 ** 40],
    ["Gi", 2 ** 30],
    ["Mi", 2 ** 20],
    ["Ki", 2 ** 10],
  ] as const) {
    if (value >= size) return `${Number((value / size).toFixed(1))}${unit}`;
  }
  return String(value);
}

export function formatCpu(millis: bigint): string {
  return millis % 1000n === 0n ? String(millis / 1000n) : `${millis}m`;
}

/** As Kubernetes shows ages: two units at most. */
export function formatAge(from: Date | undefined, now: Date): string {
  if (!from) return "";
  const seconds = Math.max(0, Math.floor((now.getTime() - from.getTime()) / 1000));
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0s";
  let rest = seconds;
  let text = "";
  // From three days or ten hours on, the smaller unit is noise.
  const count = (first === 0 && seconds >= 3 * 86_400) || (first === 1 && seconds >= 36_000) ? 1 : 2;
  for (const [unit, size] of units.slice(first, first + count)) {
    const value = Math.floor(rest / size);
    if (value > 0) text += `${value}${unit}`;
    rest -= value * size;
  }
  return text;
}
