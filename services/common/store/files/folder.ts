import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RecordFile } from "./format.ts";
import { decodeFile } from "./format.ts";

const SUFFIX = ".pb";
/** Another process's temporary file may be in use, but not for that long. */
const TEMPORARY = ".tmp";
const TEMPORARY_AGE_MAX_MS = 600_000;
const READ_PARALLEL = 32;

/** The folder `records/<service>`: one file per uid, each whole or absent. */
export class RecordFolder {
  readonly path: string;
  /** Files that have their name, and whose content `sync` brings to disk. */
  #unsynced: FileHandle[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Reads every file; damaged ones are set aside under another name and given to `onDamaged`. What killed processes left goes. */
  async readAll(onFile: (file: RecordFile) => void, onDamaged: (file: string, error: Error) => void): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const all = await readdir(this.path);
    for (const name of all) if (name.endsWith(TEMPORARY)) await this.#removeOld(name);
    const names = all.filter((name) => name.endsWith(SUFFIX));
    for (let at = 0; at < names.length; at += READ_PARALLEL) {
      const batch = names.slice(at, at + READ_PARALLEL);
      await Promise.all(batch.map((name) => this.#readOne(name, onFile, onDamaged)));
    }
  }

  async #removeOld(name: string): Promise<void> {
    const path = join(this.path, name);
    const found = await stat(path).catch(absent);
    if (found && Date.now() - found.mtimeMs > TEMPORARY_AGE_MAX_MS) await rm(path, { force: true });
  }

  async #readOne(
    name: string,
    onFile: (file: RecordFile) => void,
    onDamaged: (file: string, error: Error) => void,
  ): Promise<void> {
    const path = join(this.path, name);
    const content = await readFile(path).catch(absent);
    if (content === undefined) return;
    try {
      onFile(decodeFile(content));
    } catch (error) {
      await rename(path, `${path}.damaged`);
      onDamaged(`${path}.damaged`, error as Error);
    }
  }

  /** Undefined when there is none. */
  async read(uid: string): Promise<RecordFile | undefined> {
    const content = await readFile(join(this.path, uid + SUFFIX)).catch(absent);
    return content === undefined ? undefined : decodeFile(content);
  }

  /**
   * Replaces the file in one step. On disk for good only after `sync`. A file that replaces none gets its name before its content is on disk,
   * which saves the disk a turn: after a loss of power before the end of `sync` it may be damaged, not absent.
   */
  async write(uid: string, content: Buffer, replaces: boolean): Promise<void> {
    const path = join(this.path, uid + SUFFIX);
    const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}${TEMPORARY}`;
    try {
      const file = await open(temporary, "wx", 0o600);
      let later = false;
      try {
        await file.writeFile(content);
        if (replaces) await file.datasync();
        await rename(temporary, path);
        later = !replaces;
      } finally {
        if (later) this.#unsynced.push(file);
        else await file.close();
      }
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async remove(uid: string): Promise<void> {
    await rm(join(this.path, uid + SUFFIX), { force: true });
  }

  /** Brings what was written since the last call to disk: contents and names at once, the disk's journal takes them together. */
  async sync(): Promise<void> {
    const files = this.#unsynced;
    this.#unsynced = [];
    const results = await Promise.allSettled([...files.map(syncContent), syncFolder(this.path)]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}

async function syncContent(file: FileHandle): Promise<void> {
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
