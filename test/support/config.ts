import { homedir } from "node:os";
import { join } from "node:path";

export interface TestConfig {
  /** Socket of the engine that all files of a run share; set by test/run.ts. */
  sharedEngineSocket: string | undefined;
  /** What is kept between runs. */
  cacheDir: string;
  imageCacheDir: string;
}

export const SHARED_ENGINE_VARIABLE = "GANTRY_TEST_ENGINE_SOCKET";

export function testConfig(env: NodeJS.ProcessEnv = process.env): TestConfig {
  const cacheDir = join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "gantry");
  return {
    sharedEngineSocket: env[SHARED_ENGINE_VARIABLE] || undefined,
    cacheDir,
    imageCacheDir: join(cacheDir, "images"),
  };
}
