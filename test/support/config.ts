import { homedir } from "node:os";
import { join } from "node:path";

export interface TestConfig {
  /** Socket of the engine that all files of a run share; set by test/run.ts. */
  sharedEngineSocket: string | undefined;
  /** Where images are kept between runs. */
  imageCacheDir: string;
}

export const SHARED_ENGINE_VARIABLE = "GANTRY_TEST_ENGINE_SOCKET";

export function testConfig(env: NodeJS.ProcessEnv = process.env): TestConfig {
  return {
    sharedEngineSocket: env[SHARED_ENGINE_VARIABLE] || undefined,
    imageCacheDir: join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "gantry", "images"),
  };
}
