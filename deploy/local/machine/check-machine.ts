import { arch, platform } from "node:os";
import { type EngineChoice, chooseEngine } from "../engine/choose-engine.ts";
import { forwardingChange } from "../engine/forwarding.ts";
import { findEnginePrograms } from "../install/engine-programs.ts";
import { whyNotInstallable } from "../install/install.ts";
import { BASE_TOOLS, describeNeeds, ENGINE_TOOLS, missing, type Need, REDIS } from "../install/needs.ts";
import type { StartOptions } from "../options.ts";
import { diskProblems } from "./disk.ts";
import { kernelProblems } from "./kernel.ts";
import { portProblems } from "./ports.ts";

export interface MachineReport {
  engine: EngineChoice;
  /** Programs whose packages are to be installed. */
  toInstall: Need[];
  /** What a start would change on this machine, a line each. */
  changes: string[];
  /** What is in the way of a start, a line each. */
  problems: string[];
}

/** Looks at all that a start needs, and changes nothing that stays. */
export async function checkMachine(options: StartOptions, engineDir: string): Promise<MachineReport> {
  const path = options.env["PATH"] ?? "";
  const problems: string[] = [];
  const changes: string[] = [];
  if (platform() !== "linux" || !["x64", "arm64"].includes(arch())) {
    problems.push(`Gantry runs on Linux on x64 and arm64, not on ${platform()} ${arch()}`);
  }
  problems.push(...describeMissingBase(path));
  problems.push(...diskProblems(options.dataDir));
  problems.push(...(await portProblems(options.listen, options.ports)));

  const engine = await chooseEngine(options);
  const needs: Need[] = options.redisUrl === undefined ? [REDIS] : [];
  if (engine.kind === "unusable") problems.push(engine.problem);
  if (engine.kind === "private") {
    needs.push(...ENGINE_TOOLS);
    const own = await checkPrivateEngine(options, engineDir, engine.reason);
    problems.push(...own.problems);
    changes.push(...own.changes);
  }
  const toInstall = missing(needs, path);
  const refusal = whyNotInstallable();
  if (toInstall.length > 0 && refusal !== undefined) problems.push(`missing ${describeNeeds(toInstall)}: ${refusal}`);
  if (toInstall.length > 0) changes.unshift(`install ${describeNeeds(toInstall)}`);
  return { engine, toInstall, changes, problems };
}

async function checkPrivateEngine(
  options: StartOptions,
  engineDir: string,
  reason: string,
): Promise<{ problems: string[]; changes: string[] }> {
  if (process.getuid?.() !== 0) {
    return {
      problems: [`${reason}: starting one needs root (or be in the docker group of one that runs)`],
      changes: [],
    };
  }
  const problems = await kernelProblems(options.dataDir);
  const changes: string[] = [];
  const { programs, reason: absent } = await findEnginePrograms(engineDir, options.env["PATH"] ?? "");
  if (!programs) {
    const refusal = whyNotInstallable();
    if (refusal === undefined) changes.push(`install a container engine, since ${absent}`);
    else problems.push(`no container engine that can be used (${absent}): ${refusal}`);
  }
  changes.push(
    `start a container engine of our own in ${engineDir}, with a network bridge and an nftables table, since ${reason}`,
  );
  const forwarding = forwardingChange();
  if (forwarding !== undefined) changes.push(forwarding);
  return { problems, changes };
}

function describeMissingBase(path: string): string[] {
  const absent = missing(BASE_TOOLS, path);
  return absent.length === 0 ? [] : [`missing ${describeNeeds(absent)}`];
}
