const UNITS: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/;
const INT64_MAX = 2n ** 63n - 1n;

/** A Kubernetes quantity (`1500m`, `16Gi`, `1e3`) in units of one `per`th (1,000 for processors), rounded up; 0 for what is none. */
export function quantity(text: string, per = 1): bigint {
  const found = QUANTITY.exec(text);
  if (!found) return 0n;
  const [, digits = "", exponent, unit = ""] = found;
  const scale = exponent === undefined ? UNITS[unit]! : 10 ** Number(exponent);
  // Whole numbers of bytes are exact beyond what a double holds.
  if (/^\d+$/.test(digits) && Number.isInteger(scale * per) && Number.isSafeInteger(scale * per)) {
    return clamp(BigInt(digits) * BigInt(scale * per));
  }
  // A hair less, so that 0.1 x 1,000 is no 101.
  const value = Number(digits) * scale * per;
  return Number.isFinite(value) ? clamp(BigInt(Math.ceil(value - Math.abs(value) * 1e-12))) : INT64_MAX;
}

function clamp(value: bigint): bigint {
  if (value < 0n) return 0n;
  return value > INT64_MAX ? INT64_MAX : value;
}
