import { failedPrecondition } from "../errors/errors.ts";

/** Oldest engine API this client speaks (Docker 20.10). */
export const CLIENT_API_MIN = "1.41";
/** Newest engine API this client was written for (Docker 28.5). */
export const CLIENT_API_MAX = "1.51";
/** From here on /info lists the devices found in CDI specs. */
export const DISCOVERED_DEVICES_API = "1.50";

/** Answer of GET /version, as far as it is read. */
export interface EngineVersion {
  Version: string;
  ApiVersion: string;
  MinAPIVersion?: string;
  Os?: string;
  Arch?: string;
  KernelVersion?: string;
}

/** Less than 0 when `a` is older than `b`. Parts compare as numbers: 1.9 is older than 1.41. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The newest version both sides speak. FAILED_PRECONDITION ENGINE_API_VERSION when there is none. */
export function negotiateApiVersion(engine: EngineVersion): string {
  const newest = compareVersions(engine.ApiVersion, CLIENT_API_MAX) < 0 ? engine.ApiVersion : CLIENT_API_MAX;
  const oldest = engine.MinAPIVersion ?? CLIENT_API_MIN;
  if (compareVersions(newest, CLIENT_API_MIN) < 0 || compareVersions(newest, oldest) < 0) {
    throw failedPrecondition(
      "ENGINE_API_VERSION",
      `engine ${engine.Version} speaks API ${oldest} to ${engine.ApiVersion}; Gantry needs one of ${CLIENT_API_MIN} to ${CLIENT_API_MAX}`,
    );
  }
  return newest;
}
