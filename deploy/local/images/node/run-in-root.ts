import { join } from "node:path";
import { type CommandOptions, runCommand } from "../../process/run-command.ts";

const SCRIPT = join(import.meta.dirname, "run-in-root.sh");
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs a program inside a root file system, with mounts and processes that the machine does not see. All of it ends with
 * this process, however that ends.
 */
export function runInRoot(
  root: string,
  command: readonly string[],
  { env, ...options }: CommandOptions,
): Promise<string> {
  const variables = Object.entries({ PATH, HOME: "/root", LC_ALL: "C.UTF-8", ...env });
  const inside = ["/usr/bin/env", "-i", ...variables.map(([name, value]) => `${name}=${value}`), ...command];
  const isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "/bin/sh", SCRIPT, root];
  return runCommand("setpriv", ["--pdeathsig", "SIGKILL", ...isolate, ...inside], options);
}
