import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateApt } from "../packages/apt.ts";
import { readOsRelease } from "../packages/os-release.ts";
import { downloadOnly, unpack } from "../packages/unpack.ts";
import { findProgram } from "../process/find-program.ts";
import { runCommand } from "../process/run-command.ts";
import { type InstallContext, whyNotInstallable } from "./install.ts";

/** The oldest engine that was tried; older ones ask for every capability when a container is privileged. */
const ENGINE_MAJOR_MIN = 26;
const VERSION_TIMEOUT_MS = 10_000;
const PACKAGES = ["docker.io", "docker-cli", "containerd"];

export interface EnginePrograms {
  /** Folder to look in before the machine's own; undefined when the machine's own do. */
  dir: string | undefined;
}

/**
 * Programs for a private engine: the machine's own, or packages that are installed for it. Where an engine is installed
 * that is too old, newer packages are unpacked below `dir` beside it, and the installed ones stay as they are.
 */
export async function provideEnginePrograms(dir: string, context: InstallContext): Promise<EnginePrograms> {
  const found = await findEnginePrograms(dir, context.path);
  if (found.programs) return found.programs;
  const refusal = whyNotInstallable();
  if (refusal !== undefined) throw new Error(`no container engine that can be used (${found.reason}): ${refusal}`);
  if (found.installed) await unpackBeside(dir, found.reason, context);
  else await installEngine(dir, context);
  const after = await findEnginePrograms(dir, context.path);
  if (!after.programs) throw new Error(`no container engine after the installation: ${after.reason}`);
  return after.programs;
}

interface Found {
  programs?: EnginePrograms;
  reason: string;
  installed: boolean;
}

export async function findEnginePrograms(dir: string, path: string): Promise<Found> {
  const unpacked = join(dir, "programs");
  if (existsSync(unpacked)) return { programs: { dir: programFolders(unpacked) }, reason: "", installed: true };
  const dockerd = findProgram("dockerd", path);
  if (!dockerd) return { reason: "none is installed", installed: false };
  const major = majorVersion(await runCommand(dockerd, ["--version"], { timeoutMs: VERSION_TIMEOUT_MS }));
  if (major < ENGINE_MAJOR_MIN) return { reason: `${dockerd} is version ${major}`, installed: true };
  const absent = ["containerd", "runc", "docker-proxy"].filter((program) => findProgram(program, path) === undefined);
  if (absent.length > 0) return { reason: `${absent.join(", ")} not found beside ${dockerd}`, installed: true };
  return { programs: { dir: undefined }, reason: "", installed: true };
}

/** Of `Docker version 28.5.2+dfsg4, build ecc6942`; 0 when it says something else. */
export function majorVersion(text: string): number {
  return Number(/version (\d+)\./.exec(text)?.[1] ?? 0);
}

async function installEngine(dir: string, { say }: InstallContext): Promise<void> {
  const os = readOsRelease();
  say(`installing the packages ${PACKAGES.join(", ")}, runc: a container engine`);
  const apt = await openPrivateApt(join(dir, "apt"), os, "machine");
  await apt.run(["install", "-y", "--no-install-recommends", ...PACKAGES, "runc"]);
  await rm(join(dir, "apt"), { recursive: true, force: true });
}

async function unpackBeside(dir: string, reason: string, { say }: InstallContext): Promise<void> {
  const os = readOsRelease();
  const target = join(dir, "programs");
  say(
    `unpacking the packages ${PACKAGES.join(", ")} below ${target}, since ${reason}; what is installed stays as it is`,
  );
  const work = `${target}.new`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const apt = await openPrivateApt(join(dir, "apt"), os, "empty");
  await unpack(apt, await downloadOnly(apt, [...PACKAGES, "runc"]), work);
  await rm(join(dir, "apt"), { recursive: true, force: true });
  await rename(work, target);
}

function programFolders(unpacked: string): string {
  return ["usr/sbin", "usr/bin"].map((folder) => join(unpacked, folder)).join(":");
}
