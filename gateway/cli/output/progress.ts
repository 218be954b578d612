import type { WriteStream } from "node:tty";
import type { OperationMetadata } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { oneLine } from "./table.ts";

const BAR_WIDTH = 24;
const REDRAW_MS = 100;

/** Share of the whole operation that is done, 0 to 1: finished steps plus the known part of the one under way. */
export function fraction(metadata: OperationMetadata): number {
  if (metadata.stepCount === 0) return 0;
  const within = metadata.percent > 0 ? metadata.percent / 100 : 0;
  return Math.min(1, (Math.max(0, metadata.stepIndex - 1) + within) / metadata.stepCount);
}

export function progressLine(label: string, metadata: OperationMetadata): string {
  const percent =
    metadata.percent >= 0 && metadata.percent < 100 && metadata.percent > 0 ? ` ${metadata.percent}%` : "";
  const message = metadata.message ? `: ${metadata.message}` : "";
  return oneLine(
    `${label} ${metadata.stepIndex}/${metadata.stepCount} ${metadata.step || "queued"}${percent}${message}`,
  );
}

/** Shows operations as they go: one bar each on a terminal, a line at each new step elsewhere. */
export class ProgressView {
  readonly #stream: NodeJS.WritableStream;
  readonly #terminal: WriteStream | undefined;
  readonly #quiet: boolean;
  readonly #rows = new Map<string, { metadata: OperationMetadata | undefined; end: string | undefined }>();
  readonly #lastStep = new Map<string, string>();
  #drawnRows = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream, quiet: boolean) {
    this.#stream = stream;
    this.#terminal = stream.isTTY ? (stream as WriteStream) : undefined;
    this.#quiet = quiet;
  }

  update(label: string, metadata: OperationMetadata): void {
    if (this.#quiet) return;
    this.#rows.set(label, { metadata, end: undefined });
    if (this.#terminal) {
      this.#timer ??= setTimeout(() => this.#draw(), REDRAW_MS);
      return;
    }
    const step = `${metadata.stepIndex} ${metadata.step}`;
    if (metadata.step === "" || this.#lastStep.get(label) === step) return;
    this.#lastStep.set(label, step);
    this.#stream.write(`${progressLine(label, metadata)}\n`);
  }

  /** The last line of one operation. */
  end(label: string, text: string): void {
    if (this.#quiet) return;
    if (!this.#terminal) {
      this.#stream.write(`${oneLine(text)}\n`);
      return;
    }
    this.#rows.set(label, { metadata: undefined, end: text });
    this.#draw();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const terminal = this.#terminal;
    if (!terminal) return;
    if (this.#drawnRows > 0) {
      terminal.moveCursor(0, -this.#drawnRows);
      terminal.cursorTo(0);
      terminal.clearScreenDown();
    }
    // More rows than the terminal has could not be redrawn in place.
    const rows = [...this.#rows].slice(-Math.max(1, terminal.rows - 2));
    for (const [label, row] of rows) terminal.write(`${this.#row(label, row).slice(0, terminal.columns - 1)}\n`);
    this.#drawnRows = rows.length;
  }

  #row(label: string, row: { metadata: OperationMetadata | undefined; end: string | undefined }): string {
    if (row.end !== undefined || !row.metadata) return oneLine(row.end ?? label);
    const filled = Math.round(fraction(row.metadata) * BAR_WIDTH);
    return `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${progressLine(label, row.metadata)}`;
  }
}
