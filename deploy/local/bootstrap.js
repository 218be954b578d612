// Plain JavaScript for any Node >= 18: makes a checkout runnable (packages, generated code), then hands over to the
// pinned Node. Nothing here may import a package.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { arch, constants, tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const self = fileURLToPath(import.meta.url);
const packagesStamp = join(root, "node_modules", ".gantry-packages");
const generatedStamp = join(root, "proto", "gen", ".stamp");
const LOCK_WAIT_S = 600;
const EXIT_LOCKED = 75;

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
  if (packagesAreReady()) return;
  process.stderr.write("gantry: installing npm packages (once, about a minute)\n");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], root);
  writeFileSync(packagesStamp, hashOf(["package.json", "package-lock.json"]));
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

function generatedHash() {
  return hashOf(
    [
      ...filesBelow("proto/gantry", ".proto"),
      "proto/buf.yaml",
      "proto/buf.gen.yaml",
      "package-lock.json",
      "deploy/local/bootstrap.js",
    ].sort(),
  );
}

function ensureGenerated(force) {
  if (!force && generatedIsReady()) return;
  const proto = join(root, "proto");
  const buf = join(root, "node_modules", ".bin", "buf");
  layOutGoogleProtos();
  // Made aside, so that what runs meanwhile never sees half of it.
  const work = join(root, "node_modules", ".gantry-gen");
  rmSync(work, { recursive: true, force: true });
  // The plugin runs under whatever `node` is first on the PATH; any supported one will do.
  run(buf, ["generate", "-o", work], proto);
  run(buf, ["build", "--as-file-descriptor-set", "-o", join(work, "gen", "descriptors.binpb")], proto);
  writeFileSync(join(work, "gen", ".stamp"), generatedHash());
  rmSync(join(proto, "gen"), { recursive: true, force: true });
  renameSync(join(work, "gen"), join(proto, "gen"));
}

function packagesAreReady() {
  return stampIs(packagesStamp, hashOf(["package.json", "package-lock.json"]));
}

function generatedIsReady() {
  return stampIs(generatedStamp, generatedHash());
}

/** Makes the checkout runnable where it is not. Commands started at once in a fresh checkout set it up once. */
export function ensureReady() {
  if (packagesAreReady() && generatedIsReady()) return;
  underLock("set-up");
}

/** Generates the code from proto/ anew. */
export function generateAgain() {
  underLock("generate");
}

/**
 * Runs a part of this file under a lock that the kernel gives back whenever its holder ends. It lies outside the checkout:
 * `npm ci` empties node_modules.
 */
function underLock(part) {
  const id = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const lock = join(tmpdir(), `gantry-set-up-${userInfo().uid}-${id}.lock`);
  const args = ["-w", String(LOCK_WAIT_S), "-E", String(EXIT_LOCKED), lock, process.execPath, self, part];
  const { status, error } = spawnSync("flock", args, { stdio: ["ignore", "inherit", "inherit"] });
  if (error) fail(`flock (of util-linux) could not be started: ${error.message}`);
  if (status === EXIT_LOCKED) fail(`another set-up of this checkout has not ended within ${LOCK_WAIT_S} s`);
  if (status !== 0) process.exit(status ?? 1);
}

export function pinnedNode() {
  const binary = join(root, "node_modules", `node-linux-${arch()}`, "bin", "node");
  if (!existsSync(binary)) fail(`no pinned Node for ${process.platform}/${arch()}: Gantry runs on Linux x64 and arm64`);
  return binary;
}

/** Code that was stripped of its types and compiled once: processes start in half the time and without the compiler in memory. */
const compileCache = join(root, "node_modules", ".cache", "gantry-compiled");

/** Runs a TypeScript file of the checkout under the pinned Node; ends as it ends. */
export function handOver(file, args) {
  const child = spawn(pinnedNode(), ["--disable-warning=ExperimentalWarning", join(root, file), ...args], {
    stdio: "inherit",
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`${file} could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

if (process.argv[1] === self) {
  ensurePackages();
  ensureGenerated(process.argv[2] === "generate");
}
