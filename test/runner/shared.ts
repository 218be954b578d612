import { install } from "../../deploy/local/install/install.ts";
import { provideEnginePrograms } from "../../deploy/local/install/engine-programs.ts";
import { ENGINE_TOOLS, missing, type Need, REDIS } from "../../deploy/local/install/needs.ts";
import { programPath } from "../../deploy/local/process/find-program.ts";
import { withFileLock } from "../../deploy/local/process/file-lock.ts";
import { BUSYBOX, DIND } from "../images/images.ts";
import { prepare, type Preparations } from "./preparations.ts";
import { SHARED_ENGINE_VARIABLE, testConfig } from "../support/config.ts";
import { startEngine } from "../support/engine.ts";

export interface SharedServices {
  /** For the test files. */
  env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

const SET_UP_WAIT_MS = 1_200_000;

/** What only tests use. */
const TEST_TOOLS: readonly Need[] = [
  { program: "git", what: "git", packages: ["git"] },
  { program: "lxcfs", what: "lxcfs", packages: ["lxcfs"] },
];

/** Installs what is missing. Two runs at once do it one after the other. */
export async function setUpMachine(say: (line: string) => void): Promise<void> {
  const { cacheDir } = testConfig();
  const path = process.env["PATH"] ?? "";
  await withFileLock(`${cacheDir}/set-up.lock`, SET_UP_WAIT_MS, async () => {
    const context = { path, say };
    await install(missing([REDIS, ...ENGINE_TOOLS, ...TEST_TOOLS], path), context);
    const { dir } = await provideEnginePrograms(`${cacheDir}/engine`, context);
    process.env["PATH"] = programPath(dir === undefined ? path : `${dir}:${path}`);
  });
}

/** One engine for all files of this run, and what they would else wait for too long. */
export async function startShared(say: (line: string) => void, preparations: Preparations): Promise<SharedServices> {
  const { sharedEngineSocket } = testConfig();
  if (sharedEngineSocket !== undefined) {
    say(`using the engine at ${sharedEngineSocket}`);
    await prepare(preparations, sharedEngineSocket, say);
    return { env: {}, stop: async () => {} };
  }
  const engine = await startEngine({ images: [BUSYBOX, DIND] });
  await prepare(preparations, engine.socketPath, say);
  return { env: { [SHARED_ENGINE_VARIABLE]: engine.socketPath }, stop: () => engine.stop() };
}
