import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineNetwork } from "../../deploy/local/engine/engine-config.ts";
import { findFreeNetwork } from "../../deploy/local/engine/free-network.ts";
import { preparePrivateEngine, type PrivateEngine } from "../../deploy/local/engine/private-engine.ts";
import { withFileLock } from "../../deploy/local/process/file-lock.ts";
import { Program } from "../../deploy/local/process/program.ts";
import { BUSYBOX, DIND, provideImages, type TestImage } from "../images/images.ts";
import { register, type Registered, registerProcess, testFolder } from "./cleanup.ts";
import { testConfig } from "./config.ts";
import { endContainers } from "./leftovers.ts";

const NETWORK_WAIT_MS = 60_000;

export interface EngineRef {
  socketPath: string;
}

export interface TestEngine extends EngineRef, AsyncDisposable {
  dir: string;
  network: EngineNetwork;
  readonly pids: { dockerd: number; containerd: number };
  /** kill -9 of the engine's daemon, or of containerd too; containers live on. */
  kill(what?: "dockerd" | "both"): Promise<void>;
  /** An orderly stop; containers live on. */
  shutDown(): Promise<void>;
  /** After `kill` or `shutDown`: starts what does not run and waits until it answers. */
  start(): Promise<void>;
  /** As when a host loses power: the daemons and every container are killed; `start` brings the daemons back. */
  powerOff(): Promise<void>;
  /** Ends it with all its containers, and removes all it had. */
  stop(): Promise<void>;
}

let shared: Promise<EngineRef> | undefined;

/** The engine that the files of a test run share. Remove what you make; never stop it. Has busybox and dind. */
export function sharedEngine(): Promise<EngineRef> {
  shared ??= findShared();
  return shared;
}

async function findShared(): Promise<EngineRef> {
  const { sharedEngineSocket } = testConfig();
  if (sharedEngineSocket) return { socketPath: sharedEngineSocket };
  // A file that is run by itself has one for its own life.
  const engine = await startEngine({ images: [BUSYBOX, DIND], keepsAlive: false });
  return { socketPath: engine.socketPath };
}

export interface StartEngineOptions {
  /** Default: busybox. */
  images?: readonly TestImage[];
  /** Whether the test process may end only after `stop`. Default: true. */
  keepsAlive?: boolean;
}

/** A Docker engine of a test's own, which it may kill and restart. */
export async function startEngine(options: StartEngineOptions = {}): Promise<TestEngine> {
  const id = randomBytes(4).toString("hex");
  const folder = await testFolder("engine");
  // Two that look for free addresses at once would find the same.
  const { engine, network, registered } = await withFileLock(
    join(tmpdir(), "gantry-test-network.lock"),
    NETWORK_WAIT_MS,
    async () => {
      const found = await findFreeNetwork(`gt${id}`, randomBytes(1)[0]!);
      const made = register({ kind: "engine", dir: folder.path, network: found });
      const prepared = await preparePrivateEngine({
        dir: folder.path,
        network: found,
        env: process.env,
        orphanSignal: "SIGKILL",
      });
      return { engine: prepared, network: found, registered: made };
    },
  );
  const daemons = new Daemons(engine, options.keepsAlive ?? true);
  await daemons.start();
  await provideImages(engine.paths.socket, options.images ?? [BUSYBOX]);
  const stop = async (): Promise<void> => {
    await daemons.kill("both");
    await registered.remove();
    await folder.remove();
  };
  return {
    socketPath: engine.paths.socket,
    dir: folder.path,
    network,
    get pids() {
      return daemons.pids;
    },
    kill: (what = "dockerd") => daemons.kill(what),
    shutDown: () => daemons.shutDown(),
    start: () => daemons.start(),
    powerOff: async () => {
      await daemons.kill("both");
      await endContainers(folder.path, network);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

class Daemons {
  readonly #engine: PrivateEngine;
  readonly #keepAlive: boolean;
  readonly #running: (Running | undefined)[] = [undefined, undefined];

  constructor(engine: PrivateEngine, keepAlive: boolean) {
    this.#engine = engine;
    this.#keepAlive = keepAlive;
  }

  get pids(): { containerd: number; dockerd: number } {
    const [containerd, dockerd] = this.#running;
    if (!containerd || !dockerd) throw new Error("the engine does not run");
    return { containerd: containerd.program.pid, dockerd: dockerd.program.pid };
  }

  async start(): Promise<void> {
    for (const [index, spec] of this.#engine.programs.entries()) {
      if (this.#running[index]) continue;
      const program = await Program.start(spec);
      if (!this.#keepAlive) program.unref();
      this.#running[index] = { program, registered: registerProcess(program.pid) };
    }
  }

  async kill(what: "dockerd" | "both"): Promise<void> {
    for (const index of what === "both" ? [1, 0] : [1]) {
      await this.#end(index, async (program) => program.kill("SIGKILL"));
    }
  }

  async shutDown(): Promise<void> {
    for (const index of [1, 0]) await this.#end(index, (program) => program.stop());
  }

  async #end(index: number, how: (program: Program) => Promise<unknown>): Promise<void> {
    const running = this.#running[index];
    if (!running) return;
    await how(running.program);
    await running.program.ended;
    running.registered.forget();
    this.#running[index] = undefined;
  }
}

interface Running {
  program: Program;
  registered: Registered;
}
