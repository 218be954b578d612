import { extract, type Extract, type Header, pack } from "tar-stream";
import { cancelled } from "../../../common/errors/errors.ts";
import { written } from "../../../common/streams/written.ts";
import { SPOOL_BYTES_MAX, Spool } from "./spool.ts";

type EntryHeader = Pick<Header, "name" | "mode" | "mtime" | "size"> & Partial<Header>;

type Sink = ReturnType<ReturnType<typeof pack>["entry"]>;

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

/** A tar archive that is written as it is read. */
export class LogArchive {
  readonly #pack = pack();
  readonly #time = new Date();

  /** What `fill` puts into it, no faster than it is taken. Throws what `fill` throws. */
  async *read(fill: (archive: LogArchive) => Promise<void>): AsyncGenerator<Buffer> {
    const filling = fill(this).then(
      () => this.#pack.finalize(),
      (error: unknown) => this.#pack.destroy(error as Error),
    );
    try {
      for await (const part of this.#pack) yield part as Buffer;
    } finally {
      this.#pack.destroy();
      await filling;
    }
  }

  async folder(name: string): Promise<void> {
    await this.#entry({ name, type: "directory", mode: FOLDER_MODE, mtime: this.#time, size: 0 }, []);
  }

  async file(name: string, content: string | Buffer): Promise<void> {
    const data = Buffer.from(content);
    await this.#entry({ name, type: "file", mode: FILE_MODE, mtime: this.#time, size: data.length }, [data]);
  }

  /** A file of what `write` writes; where that fails, what there was and why there is no more. */
  async spooled(name: string, write: (spool: Spool) => Promise<void>, signal: AbortSignal): Promise<void> {
    await using spool = await Spool.open(SPOOL_BYTES_MAX);
    try {
      await write(spool);
    } catch (error) {
      signal.throwIfAborted();
      await spool.add(Buffer.from(`(not to be had: ${(error as Error).message})\n`));
    }
    await this.#entry({ name, type: "file", mode: FILE_MODE, mtime: this.#time, size: spool.bytes }, spool.read());
  }

  /** Files and folders of another archive, which comes through `feed`; their names as `rename` has them, left out where it has none. */
  async repack(feed: (into: Extract) => Promise<void>, rename: (name: string) => string | undefined): Promise<void> {
    const entries = extract();
    const feeding = feed(entries).then(
      () => entries.end(null),
      (error: unknown) => entries.destroy(error as Error),
    );
    try {
      for await (const entry of entries) {
        // The iteration ends with what breaks it.
        entry.on("error", () => undefined);
        const { type, size, mtime } = entry.header;
        const name = rename(entry.header.name);
        if (name === undefined || (type !== "file" && type !== "directory")) {
          entry.resume();
          continue;
        }
        if (type === "file") await this.#entry({ name, type, mode: FILE_MODE, mtime, size }, entry);
        else {
          entry.resume();
          await this.#entry({ name, type, mode: FOLDER_MODE, mtime, size: 0 }, []);
        }
      }
    } finally {
      entries.destroy();
      await feeding;
    }
  }

  async #entry(header: EntryHeader, content: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = this.#pack.entry(header, (error) => (error ? reject(error) : resolve()));
    // The callback tells as much.
    entry.on("error", () => undefined);
    await Promise.all([promise, header.type === "directory" ? undefined : fill(entry, content)]);
  }
}

async function fill(entry: Sink, content: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
  for await (const part of content) {
    if (!(await written(entry, part as Buffer))) throw cancelled("the archive is not read any more");
  }
  entry.end(null);
}
