import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pack } from "tar-stream";
import { Program } from "../../deploy/local/process/program.ts";
import { createContainer, putArchive, removeContainer } from "../../services/common/engine/api/containers.ts";
import { encodeImage, type PullProgress, removeImage } from "../../services/common/engine/api/images.ts";
import type { Engine } from "../../services/common/engine/engine.ts";
import { jsonLines } from "../../services/common/engine/json-lines.ts";
import { registerProcess, testFolder } from "./cleanup.ts";
import { testConfig } from "./config.ts";
import { debianPackage } from "./debian-package.ts";
import { freePorts } from "./ports.ts";

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`: engines ask registries of the loopback network without TLS. */
  address: string;
  stop(): Promise<void>;
}

/** Debian's own image registry, empty, with a folder of its own. */
export async function startRegistry(): Promise<TestRegistry> {
  const [root, folder, [port]] = await Promise.all([
    debianPackage(testConfig().cacheDir, "docker-registry"),
    testFolder("registry"),
    freePorts(1),
  ]);
  const address = `127.0.0.1:${port}`;
  const config = {
    version: "0.1",
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: join(folder.path, "data") } },
    http: { addr: address },
  };
  const configPath = join(folder.path, "config.yml");
  // JSON is YAML, too.
  await writeFile(configPath, JSON.stringify(config));
  const program = await Program.start({
    name: "registry",
    command: join(root, "usr/bin/docker-registry"),
    args: ["serve", configPath],
    env: { PATH: process.env["PATH"] },
    logPath: join(folder.path, "registry.log"),
    isReady: async (signal) => {
      const answer = await fetch(`http://${address}/v2/`, { signal });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`/v2/ answers ${answer.status}`);
    },
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    stopTimeoutMs: STOP_TIMEOUT_MS,
    orphanSignal: "SIGKILL",
  });
  const registered = registerProcess(program.pid);
  const stop = async (): Promise<void> => {
    await program.stop();
    registered.forget();
    await folder.remove();
  };
  return { address, stop, [Symbol.asyncDispose]: stop };
}

export interface PushedImage {
  /** Name and tag in the registry. */
  name: string;
  /** Image of the engine that it is made from. */
  from: string;
  /** Size of each layer on top of it. Of random bytes: they cannot be made smaller. */
  layerBytes: readonly number[];
}

/** Makes an image on the engine, pushes it and takes it away again. Returns its reference. */
export async function pushImage(engine: Engine, registry: TestRegistry, image: PushedImage): Promise<string> {
  const reference = `${registry.address}/${image.name}`;
  const [repo, tag] = splitTag(reference);
  let from = image.from;
  for (const [i, size] of image.layerBytes.entries()) {
    const { Id } = await createContainer(engine, `push-${randomBytes(6).toString("hex")}`, { Image: from });
    const archive = pack();
    archive.entry({ name: `layer-${i}` }, randomBytes(size));
    archive.finalize();
    await putArchive(engine, Id, "/", archive.pipe(new PassThrough()));
    await engine.call("POST", "/commit", { query: { container: Id, repo, tag } });
    await removeContainer(engine, Id);
    from = reference;
  }
  await push(engine, repo, tag);
  await removeImage(engine, reference);
  return reference;
}

/** The engine wants credentials, and takes none. */
const NO_CREDENTIALS = Buffer.from("{}").toString("base64url");

async function push(engine: Engine, repo: string, tag: string): Promise<void> {
  const headers = { "X-Registry-Auth": NO_CREDENTIALS };
  const stream = await engine.stream("POST", `/images/${encodeImage(repo)}/push`, { query: { tag }, headers });
  for await (const { error } of jsonLines<PullProgress>(stream)) {
    if (error !== undefined) throw new Error(`push of ${repo}:${tag}: ${error}`);
  }
}

function splitTag(reference: string): [string, string] {
  const at = reference.lastIndexOf(":");
  return [reference.slice(0, at), reference.slice(at + 1)];
}
