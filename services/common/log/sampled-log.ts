import type { Logger } from "pino";

export interface SampledLogOptions {
  /** Lines that are written in each interval; the others are counted. */
  linesMax?: number;
  intervalMs?: number;
}

const LINES_MAX = 20;
const INTERVAL_MS = 60_000;

/** Writes what anybody may cause without having a right to anything: some lines in each interval, and then how many there were besides. */
export class SampledLog {
  readonly #log: Logger;
  readonly #linesMax: number;
  readonly #intervalMs: number;
  #written = 0;
  #counted = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, options: SampledLogOptions = {}) {
    this.#log = log;
    this.#linesMax = options.linesMax ?? LINES_MAX;
    this.#intervalMs = options.intervalMs ?? INTERVAL_MS;
  }

  info(fields: object, message: string): void {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#next(message), this.#intervalMs).unref();
    if (this.#written < this.#linesMax) {
      this.#written++;
      this.#log.info(fields, message);
    } else {
      this.#counted++;
    }
  }

  #next(message: string): void {
    this.#timer = undefined;
    if (this.#counted > 0) this.#log.info({ count: this.#counted, audit: true }, `${message}: more of them`);
    this.#written = this.#counted = 0;
  }
}
