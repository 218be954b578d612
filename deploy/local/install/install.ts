import { installFromMachine, updateMachineLists } from "../packages/apt.ts";
import { isDebianFamily, readOsRelease } from "../packages/os-release.ts";
import { findProgram } from "../process/find-program.ts";
import { runCommand } from "../process/run-command.ts";
import { describeNeeds, type Need, REDIS } from "./needs.ts";

const SERVICE_TIMEOUT_MS = 60_000;

export interface InstallContext {
  /** Where programs are looked for. */
  path: string;
  /** Told of each change before it is made. */
  say: (line: string) => void;
}

/** Why packages cannot be installed by us here; undefined when they can. */
export function whyNotInstallable(): string | undefined {
  const os = readOsRelease();
  if (!isDebianFamily(os)) return `packages are installed only on Debian and Ubuntu, not on ${os.prettyName}`;
  if (process.getuid?.() !== 0) return "installing packages needs root";
  return undefined;
}

/** Installs what is missing with the machine's own package manager and sources. */
export async function install(needs: readonly Need[], { path, say }: InstallContext): Promise<void> {
  if (needs.length === 0) return;
  const refusal = whyNotInstallable();
  if (refusal !== undefined) throw new Error(`missing ${describeNeeds(needs)}: ${refusal}`);
  const packages = [...new Set(needs.flatMap((need) => need.packages))];
  say(`installing the packages ${packages.join(", ")}, for ${describeNeeds(needs)}`);
  await updateMachineLists();
  await installFromMachine(packages);
  const absent = needs.filter(({ program }) => findProgram(program, path) === undefined);
  if (absent.length > 0) throw new Error(`still missing after the installation: ${describeNeeds(absent)}`);
  if (needs.includes(REDIS)) await stopPackagedRedis(path, say);
}

/** Debian starts a Redis of its own, on a TCP port, as soon as the package is there. */
async function stopPackagedRedis(path: string, say: (line: string) => void): Promise<void> {
  const systemctl = findProgram("systemctl", path);
  if (systemctl === undefined || !(await isActive(systemctl, "redis-server"))) return;
  say("stopping and disabling the service redis-server that came with the package: Gantry runs a private one");
  await runCommand(systemctl, ["disable", "--now", "redis-server"], { timeoutMs: SERVICE_TIMEOUT_MS });
}

async function isActive(systemctl: string, service: string): Promise<boolean> {
  const output = await runCommand(systemctl, ["show", "--property=ActiveState", "--value", service], {
    timeoutMs: SERVICE_TIMEOUT_MS,
  }).catch((error: Error) => {
    // Installed, but not what this machine was started with.
    if (/not been booted with systemd|Failed to connect to bus/.test(error.message)) return "absent";
    throw error;
  });
  return output.trim() === "active";
}
