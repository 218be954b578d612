import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError, runCommand } from "../process/run-command.ts";
import { waitUntil } from "../process/wait-until.ts";
import type { OsRelease } from "./os-release.ts";
import {
  type PackageSource,
  parseIndexTargets,
  renderSources,
  type SourceSelection,
  sourcesWithEngine,
} from "./sources.ts";

const UPDATE_TIMEOUT_MS = 300_000;
const INSTALL_TIMEOUT_MS = 900_000;
const LOCK_WAIT_MS = 180_000;
const COMMON = ["-q", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT_MS / 1000}`, "-o", "Acquire::Retries=3"];
const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };

/**
 * Apt with sources, pins and lists of its own below `dir`, so that the machine's apt configuration stays as it is. With
 * `status: "machine"` it installs onto this machine; with `"empty"` it sees a machine with no packages, as needed to
 * make a root file system. One user at a time per `dir`.
 */
export interface PrivateApt {
  run(args: readonly string[], options?: { timeoutMs?: number; cwd?: string }): Promise<string>;
  archives: string;
}

export async function openPrivateApt(
  dir: string,
  os: OsRelease,
  status: "machine" | "empty",
  select: (os: OsRelease, configured: readonly PackageSource[]) => SourceSelection = sourcesWithEngine,
): Promise<PrivateApt> {
  const { choices, preferences } = select(os, await machineSources());
  const archives = join(dir, "archives");
  for (const folder of ["lists/partial", "archives/partial"]) mkdirSync(join(dir, folder), { recursive: true });
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const settings: [string, string][] = [
    ["Dir::Etc::sourcelist", join(dir, "sources.list")],
    ["Dir::Etc::sourceparts", "/dev/null"],
    ["Dir::Etc::preferences", file("preferences", preferences)],
    ["Dir::Etc::preferencesparts", "/dev/null"],
    ["Dir::State::lists", join(dir, "lists")],
    ["Dir::Cache::archives", archives],
    ["Dir::Cache::pkgcache", ""],
    ["Dir::Cache::srcpkgcache", ""],
    ["Acquire::Languages", "none"],
    ["APT::Install-Recommends", "false"],
    // The download user cannot enter a private folder.
    ["APT::Sandbox::User", "root"],
    ...(status === "empty" ? [["Dir::State::status", file("status", "")] as [string, string]] : []),
  ];
  const config = file("apt.conf", settings.map(([key, value]) => `${key} "${value}";\n`).join(""));
  const run: PrivateApt["run"] = (args, { timeoutMs = INSTALL_TIMEOUT_MS, cwd } = {}) =>
    apt(args, timeoutMs, { APT_CONFIG: config }, cwd);
  await updateFromBest(choices, async (sources) => {
    file("sources.list", renderSources(os, sources));
    await run(["update"], { timeoutMs: UPDATE_TIMEOUT_MS });
  });
  return { run, archives };
}

/** The last choice's error is the one that counts. */
async function updateFromBest(
  choices: readonly PackageSource[][],
  update: (sources: readonly PackageSource[]) => Promise<void>,
): Promise<void> {
  const [first, ...others] = choices;
  try {
    await update(first!);
  } catch (error) {
    if (others.length === 0) throw error;
    await updateFromBest(others, update);
  }
}

/** `apt-get update` with the machine's own configuration. */
export async function updateMachineLists(): Promise<void> {
  await apt(["update"], UPDATE_TIMEOUT_MS, {});
}

/** Installs onto the machine from its own sources. */
export async function installFromMachine(packages: readonly string[]): Promise<void> {
  await apt(["install", "-y", "--no-install-recommends", ...packages], INSTALL_TIMEOUT_MS, {});
}

async function machineSources(): Promise<PackageSource[]> {
  const list = async (): Promise<PackageSource[]> =>
    parseIndexTargets(
      await apt(
        ["indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
        UPDATE_TIMEOUT_MS,
        {},
      ),
    );
  const known = await list();
  if (known.length > 0) return known;
  // Apt lists only what it has fetched once.
  await updateMachineLists();
  return list();
}

async function apt(args: readonly string[], timeoutMs: number, env: NodeJS.ProcessEnv, cwd?: string): Promise<string> {
  // The lock of the package lists has no waiting of its own.
  return waitUntil(
    async () => {
      try {
        return {
          output: await runCommand("apt-get", [...COMMON, ...args], {
            timeoutMs,
            env: { ...ENVIRONMENT, ...env },
            ...(cwd === undefined ? {} : { cwd }),
          }),
        };
      } catch (error) {
        if (error instanceof CommandError && /Could not get lock|is held by process/.test(error.stderr))
          return undefined;
        return { error: error as Error };
      }
    },
    {
      what: `apt-get ${args[0]} (another program holds apt's lock)`,
      timeoutMs: timeoutMs + LOCK_WAIT_MS,
      intervalMs: 1000,
    },
  ).then((result) => {
    if (result.error) throw result.error;
    return result.output;
  });
}
