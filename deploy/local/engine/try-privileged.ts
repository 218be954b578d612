import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { pack, type Pack } from "tar-stream";
import { createContainer, removeContainer, startContainer } from "../../../services/common/engine/api/containers.ts";
import type { Engine } from "../../../services/common/engine/engine.ts";
import { KIND_PROBE, LABEL_KIND } from "../../../services/common/engine/labels.ts";
import { importArchive } from "../images/ensure-image.ts";
import { tinyProgram } from "./tiny-program.ts";

const WAIT_TIMEOUT_MS = 30_000;

/**
 * Whether the engine really runs a privileged container, by running one: some offer the option and fail at it. Leaves
 * nothing behind. Gives the reason when it does not.
 */
export async function tryPrivileged(engine: Engine): Promise<string | undefined> {
  const name = `gantry-trial-${randomBytes(4).toString("hex")}`;
  const reference = `${name}:latest`;
  try {
    await importTinyImage(engine, reference);
    const { Id: id } = await createContainer(engine, name, {
      Image: reference,
      Cmd: ["/exit"],
      Labels: { [LABEL_KIND]: KIND_PROBE },
      HostConfig: { Privileged: true, NetworkMode: "none" },
    });
    await startContainer(engine, id);
    const { StatusCode } = await engine.call<{ StatusCode: number }>("POST", `/containers/${id}/wait`, {
      timeoutMs: WAIT_TIMEOUT_MS,
    });
    return StatusCode === 0 ? undefined : `a privileged container ended with exit code ${StatusCode}`;
  } catch (error) {
    return (error as Error).message.split("\n", 1)[0]!;
  } finally {
    await removeContainer(engine, name);
    await removeImage(engine, reference);
  }
}

async function importTinyImage(engine: Engine, reference: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "gantry-trial-"));
  try {
    const tar = pack() as Pack & AsyncIterable<Uint8Array>;
    tar.entry({ name: "exit", mode: 0o755 }, tinyProgram(arch()));
    tar.finalize();
    await writeFile(join(dir, "image.tar"), tar);
    await importArchive(engine, join(dir, "image.tar"), reference, []);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function removeImage(engine: Engine, reference: string): Promise<void> {
  await engine
    .call("DELETE", `/images/${reference}`, { query: { force: true } })
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    });
}
