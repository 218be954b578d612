/** `npm start`: a realm of this one host, from nothing to a running gateway, until Ctrl-C. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describeFirstSteps } from "./first-steps.ts";
import { checkMachine, type MachineReport } from "./machine/check-machine.ts";
import { fullDisk } from "./machine/disk.ts";
import { OptionsError, readOptions, type StartOptions, USAGE } from "./options.ts";
import { isRunning, takeRunLock } from "./run-lock.ts";
import { createScreen } from "./screen.ts";
import { startLogPath, startRealm } from "./start-realm.ts";
import { keepLogsBounded } from "./supervise/bound-logs.ts";
import { Supervisor } from "./supervise/supervisor.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const screen = createScreen((text) => process.stdout.write(text));
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // Ctrl-C arrives twice, from the terminal and from npm: the first one counts.
  process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
}
process.exit(await main());

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2), process.env, process.getuid?.() === 0);
    if (options.help) {
      screen.plain(USAGE);
      return 0;
    }
    return await run(options);
  } catch (error) {
    if (stopping.signal.aborted) return EXIT_FAILURE;
    for (const line of (error as Error).message.split("\n")) screen.bad(line);
    return error instanceof OptionsError ? EXIT_USAGE : EXIT_FAILURE;
  }
}

async function run(options: StartOptions): Promise<number> {
  const running = await isRunning(options.dataDir);
  if (running) {
    const who = running.pid === undefined ? "another npm start" : `npm start with process id ${running.pid}`;
    screen.bad(`Gantry already runs with the data folder ${options.dataDir}: ${who}`);
    return EXIT_FAILURE;
  }
  const report = await checkMachine(options, join(options.dataDir, "engine"));
  show(report, options);
  if (report.problems.length > 0) return EXIT_FAILURE;
  if (options.check) return 0;

  mkdirSync(options.dataDir, { recursive: true, mode: 0o755 });
  const lock = await takeRunLock(options.dataDir);
  if (!lock) throw new Error(`another npm start with the data folder ${options.dataDir} was faster`);
  let failed = false;
  const supervisor = new Supervisor({
    ready: (name, tookMs) => screen.good(name, `ready in ${(tookMs / 1000).toFixed(1)} s`),
    restarting: (name, reason, delayMs) => {
      const full = fullDisk(options.dataDir);
      screen.bad(`${name} ${reason}${full === "" ? "" : `: ${full}`}; again in ${delayMs / 1000} s`);
    },
    failed: (name, reason) => {
      screen.bad(`${name} ${reason}`);
      failed = true;
      stopping.abort(new Error(`${name} failed`));
    },
  });
  keepLogsBounded(() => [...supervisor.logPaths, startLogPath(options.dataDir)], {
    signal: stopping.signal,
    failed: (path, { message }) => screen.bad(`${path} is too large and could not be moved away: ${message}`),
  });
  let stopped = "";
  const afterStop: (() => Promise<void>)[] = [];
  try {
    const common = { options, report, screen, supervisor, afterStop };
    const realm = await startRealm({ ...common, lockFd: lock.fd, signal: stopping.signal });
    stopped = realm.engineIsPrivate ? "Gantry is stopped." : "Gantry is stopped; instances and clusters go on running.";
    screen.plain(describeFirstSteps(options, realm));
    await new Promise((resolve) => stopping.signal.addEventListener("abort", resolve, { once: true }));
    return failed ? EXIT_FAILURE : 0;
  } finally {
    screen.plain("");
    await supervisor.stop((name) => screen.plain(`stopping ${name}`));
    for (const work of afterStop) await work().catch((error: unknown) => screen.bad((error as Error).message));
    lock.release();
    if (stopped !== "") screen.plain(stopped);
  }
}

function show({ engine, changes, problems }: MachineReport, options: StartOptions): void {
  if (problems.length === 0) screen.good("machine", `can run Gantry; data folder ${options.dataDir}`);
  if (engine.kind === "found") screen.good("engine", `Docker ${engine.version} at ${engine.socket}, used as it is`);
  if (options.redisUrl !== undefined) screen.good("redis", "the one of GANTRY_REDIS_URL");
  for (const problem of problems) screen.bad(problem);
  if (!options.check) return;
  for (const change of changes) screen.change(`would ${change}`);
  if (problems.length === 0 && changes.length === 0) screen.plain("Nothing needs to be installed.");
}
