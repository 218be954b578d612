// Plain JavaScript for any Node >= 18: makes a checkout runnable (packages, generated code), then hands over to the
// pinned Node. Nothing here may import a package.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { arch, constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const lockDirectory = join(root, "node_modules", ".gantry-setup");
const LOCK_WAIT_MS = 600_000;

function fail(message) {
  process.stderr.write(`gantry: ${message}\n`);
  process.exit(1);
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths)
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)))
      .update("\0");
  return hash.digest("hex");
}

function stampIs(file, value) {
  return existsSync(file) && readFileSync(file, "utf8") === value;
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    fail(`${command} ${args.join(" ")} failed (exit ${result.status}):\n${result.stdout}${result.stderr}`);
  }
}

function filesBelow(directory, ending) {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}

function ensurePackages() {
  const wanted = hashOf(["package.json", "package-lock.json"]);
  const stamp = join(root, "node_modules", ".gantry-packages");
  if (stampIs(stamp, wanted)) return;
  process.stderr.write("gantry: installing npm packages (once, about a minute)\n");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], root);
  writeFileSync(stamp, wanted);
}

/** Google's standard protos beside ours, so that buf finds them without a network. */
function layOutGoogleProtos() {
  const source = join(root, "node_modules", "google-proto-files", "google");
  const target = join(root, "proto", "vendor", "google");
  rmSync(join(root, "proto", "vendor"), { recursive: true, force: true });
  for (const path of [
    "longrunning",
    "rpc",
    "api/annotations.proto",
    "api/client.proto",
    "api/field_behavior.proto",
    "api/http.proto",
    "api/launch_stage.proto",
  ]) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(source, path), join(target, path), { recursive: true });
  }
}

export function ensureGenerated(force = false) {
  const sources = [
    ...filesBelow("proto/gantry", ".proto"),
    "proto/buf.yaml",
    "proto/buf.gen.yaml",
    "package-lock.json",
  ].sort();
  const wanted = hashOf(sources);
  const stamp = join(root, "proto", "gen", ".stamp");
  if (!force && stampIs(stamp, wanted)) return;
  const proto = join(root, "proto");
  const buf = join(root, "node_modules", ".bin", "buf");
  layOutGoogleProtos();
  rmSync(join(proto, "gen"), { recursive: true, force: true });
  // The plugin runs under whatever `node` is first on the PATH; any supported one will do.
  run(buf, ["generate"], proto);
  run(buf, ["build", "--as-file-descriptor-set", "-o", "gen/descriptors.binpb"], proto);
  writeFileSync(stamp, wanted);
}

/** Two commands started at once in a fresh checkout set it up once. */
function withLock(work) {
  const deadline = Date.now() + LOCK_WAIT_MS;
  const lock = `${lockDirectory}.lock`;
  mkdirSync(join(root, "node_modules"), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (lockIsStale(lock)) rmSync(lock, { force: true });
      else if (Date.now() > deadline) fail(`another set-up holds ${lock}; remove it if no other runs`);
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function lockIsStale(lock) {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    // Empty: its owner has not written yet, unless it died at that very moment.
    if (!pid) return Date.now() - statSync(lock).mtimeMs > 5_000;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

export function ensureReady() {
  // `npm ci` empties node_modules and with it the lock: the packages are only ever installed once per lock file, and a second
  // set-up that slips in finds the stamp.
  withLock(() => {
    ensurePackages();
    ensureGenerated();
  });
}

export function pinnedNode() {
  const binary = join(root, "node_modules", `node-linux-${arch()}`, "bin", "node");
  if (!existsSync(binary)) fail(`no pinned Node for ${process.platform}/${arch()}: Gantry runs on Linux x64 and arm64`);
  return binary;
}

/** Runs a TypeScript file of the checkout under the pinned Node; ends as it ends. */
export function handOver(file, args) {
  const child = spawn(pinnedNode(), ["--disable-warning=ExperimentalWarning", join(root, file), ...args], {
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${file} could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}
