// A worker process of its own: argv is JSON of ChildOptions.
import { busyJob, fileJob } from "./file-job.ts";
import { Platform } from "./platform.ts";

export interface ChildOptions {
  redisUrl: string;
  host: string;
  dataDir: string;
  dir: string;
  broken: boolean;
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2]!) as ChildOptions;
  const { redisUrl, host, dataDir, dir, broken } = options;
  const platform = await Platform.start({ redisUrl, host, dataDir, jobs: [fileJob(dir, broken), busyJob(dir)] });
  process.on("SIGTERM", () => {
    void platform[Symbol.asyncDispose]().then(() => process.exit(0));
  });
}
