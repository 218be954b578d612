import type { CallOptions, Engine } from "../engine.ts";

/** Answer of GET /info, as far as it is read. */
export interface EngineInfoAnswer {
  ID: string;
  Name: string;
  Driver: string;
  CgroupDriver: string;
  CgroupVersion?: string;
  DockerRootDir: string;
  KernelVersion: string;
  OperatingSystem: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  ServerVersion: string;
  SecurityOptions?: string[] | null;
  Warnings?: string[] | null;
  /** Folders with CDI specs (API 1.41 and newer, where CDI is on). */
  CDISpecDirs?: string[] | null;
  /** API 1.50 and newer. */
  DiscoveredDevices?: { Source: string; ID: string }[] | null;
  Runtimes?: Record<string, unknown>;
}

export function engineInfo(
  engine: Engine,
  limits: Pick<CallOptions, "timeoutMs" | "signal"> = {},
): Promise<EngineInfoAnswer> {
  return engine.call("GET", "/info", limits);
}
