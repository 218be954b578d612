import { randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** What is kept of one log. */
export const SPOOL_BYTES_MAX = 512 * 1024 * 1024;

/**
 * A text that comes in parts, of a length that nobody knows before its end, which a tar archive wants to know before its beginning. Kept in a
 * file without a name: it is gone with the process, however that ends.
 */
export class Spool implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #bytesMax: number;
  #bytes = 0;
  #cut = false;

  private constructor(file: FileHandle, bytesMax: number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
  }

  static async open(bytesMax = SPOOL_BYTES_MAX): Promise<Spool> {
    const path = join(tmpdir(), `gantry-${randomUUID()}`);
    const file = await open(path, "wx+", 0o600);
    await unlink(path);
    return new Spool(file, bytesMax);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What goes beyond the limit is left out, and said to be. */
  async add(part: Uint8Array): Promise<void> {
    if (this.#cut) return;
    const room = this.#bytesMax - this.#bytes;
    await this.#write(part.subarray(0, room));
    if (part.length <= room) return;
    this.#cut = true;
    await this.#write(Buffer.from(`\n(cut: only the first ${this.#bytesMax} bytes are here)\n`));
  }

  read(): Readable {
    return this.#file.createReadStream({ start: 0, autoClose: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #write(part: Uint8Array): Promise<void> {
    for (let at = 0; at < part.length;) {
      const { bytesWritten } = await this.#file.write(part, at, part.length - at, this.#bytes);
      at += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }
}
