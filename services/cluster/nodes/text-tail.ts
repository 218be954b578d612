/** The last bytes of a text that comes in parts. */
export class TextTail {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes > 4 * this.#bytesMax) this.#trim();
  }

  get text(): string {
    this.#trim();
    return Buffer.concat(this.#parts).toString("utf8").toWellFormed();
  }

  #trim(): void {
    const all = Buffer.concat(this.#parts);
    const kept = all.subarray(Math.max(0, all.length - this.#bytesMax));
    this.#parts = [kept];
    this.#bytes = kept.length;
  }
}
