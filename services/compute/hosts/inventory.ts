import { readFile, statfs } from "node:fs/promises";
import { cpus, networkInterfaces, release, totalmem } from "node:os";
import type { EngineInfo, HardwareInfo, HostAddress, KernelInfo } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { type EngineInfoAnswer, engineInfo } from "../../common/engine/api/info.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { isInternalInterface } from "./interfaces.ts";

const INFO_TIMEOUT_MS = 10_000;
const DMI_FOLDER = "/sys/class/dmi/id";
/** As Docker and OCI name them. */
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

/** What a host is made of, with its engine's word where that says it. */
export interface Inventory {
  kernel: KernelInfo;
  engine: EngineInfo;
  hardware: HardwareInfo;
  cpuMillis: number;
  memoryBytes: number;
  diskBytes: number;
  /** Folder on the file system that holds the engine's data. */
  diskPath: string;
}

export async function readInventory(
  engine: Engine,
  options: { dataDir: string; engineOwned: boolean; signal: AbortSignal },
): Promise<Inventory> {
  const [{ api, engine: version }, info] = await Promise.all([
    engine.version(),
    engineInfo(engine, { signal: options.signal, timeoutMs: INFO_TIMEOUT_MS }),
  ]);
  const disk = await dataDisk(info.DockerRootDir, options.dataDir);
  return {
    kernel: await readKernel(info),
    engine: {
      name: "docker",
      version: version.Version,
      apiVersion: api,
      storageDriver: info.Driver,
      cgroupDriver: info.CgroupDriver,
      endpoint: engine.socketPath,
      id: info.ID,
      owned: options.engineOwned,
    },
    hardware: await readHardware(),
    cpuMillis: cpus().length * 1000,
    memoryBytes: totalmem(),
    diskBytes: disk.sizeBytes,
    diskPath: disk.path,
  };
}

async function readKernel(info: EngineInfoAnswer): Promise<KernelInfo> {
  const [osRelease, stat] = await Promise.all([readText("/etc/os-release"), readText("/proc/stat")]);
  const name = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1];
  const bootSeconds = Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0);
  return {
    release: release(),
    cgroupVersion: Number(info.CgroupVersion ?? 1),
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: name ?? info.OperatingSystem,
    bootTime: bootSeconds === 0 ? undefined : new Date(bootSeconds * 1000),
  };
}

async function readHardware(): Promise<HardwareInfo> {
  const [vendor, product, serial] = await Promise.all(
    ["sys_vendor", "product_name", "product_serial"].map((name) => readText(`${DMI_FOLDER}/${name}`)),
  );
  const processors = cpus();
  return {
    vendor: vendor!.trim(),
    product: product!.trim(),
    serial: serial!.trim(),
    cpuModel: processors[0]?.model.trim() ?? "",
    cpus: processors.length,
  };
}

/** The engine's data folder where this process sees it, else Gantry's own. */
async function dataDisk(engineDir: string, dataDir: string): Promise<{ path: string; sizeBytes: number }> {
  for (const path of [engineDir, dataDir]) {
    try {
      const { blocks, bsize } = await statfs(path);
      return { path, sizeBytes: blocks * bsize };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "EACCES") throw error;
    }
  }
  const { blocks, bsize } = await statfs("/");
  return { path: "/", sizeBytes: blocks * bsize };
}

/** Addresses of the host's own interfaces, ordered; link-local ones are left out. */
export async function readAddresses(): Promise<HostAddress[]> {
  const found: HostAddress[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (await isInternalInterface(name)) continue;
    for (const { cidr, mac, internal, address } of addresses ?? []) {
      if (internal || cidr === null || /^fe80:/i.test(address)) continue;
      found.push({ interface: name, cidr, mac });
    }
  }
  return found.toSorted((a, b) => (a.interface + a.cidr < b.interface + b.cidr ? -1 : 1));
}

/** Empty for a file that is not there or not for us. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES") return "";
    throw error;
  }
}
