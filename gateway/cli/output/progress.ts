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
  const percent = metadata.percent < 100 && metadata.percent > 0 ? ` ${metadata.percent}%` : "";
  const message = metadata.message ? `: ${metadata.message}` : "";
  const steps = metadata.stepCount > 0 ? ` ${metadata.stepIndex}/${metadata.stepCount}` : "";
  return oneLine(`${label}${steps} ${metadata.step || "queued"}${percent}${message}`);
}

/**
 * Shows operations as they go, on standard error: one bar each on a terminal, a line at each new step elsewhere. How each ended is
 * printed above the bars of the others: a success is the command's answer, on standard output.
 */
export class ProgressView {
  readonly #stream: NodeJS.WritableStream;
  readonly #answers: NodeJS.WritableStream;
  readonly #terminal: WriteStream | undefined;
  readonly #quiet: boolean;
  readonly #rows = new Map<string, OperationMetadata>();
  readonly #lastStep = new Map<string, string>();
  #drawnRows = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream, answers: NodeJS.WritableStream, quiet: boolean) {
    this.#stream = stream;
    this.#answers = answers;
    this.#terminal = stream.isTTY ? (stream as WriteStream) : undefined;
    this.#quiet = quiet;
  }

  update(label: string, metadata: OperationMetadata): void {
    if (this.#quiet) return;
    if (this.#terminal) {
      this.#rows.set(label, metadata);
      this.#timer ??= setTimeout(() => this.#draw(), REDRAW_MS);
      return;
    }
    const step = `${metadata.stepIndex} ${metadata.step}`;
    if (metadata.step === "" || this.#lastStep.get(label) === step) return;
    this.#lastStep.set(label, step);
    this.#stream.write(`${progressLine(label, metadata)}\n`);
  }

  succeeded(label: string, text: string | undefined): void {
    this.#end(label, text, this.#answers);
  }

  failed(label: string, text: string): void {
    this.#end(label, text, this.#stream);
  }

  #end(label: string, text: string | undefined, target: NodeJS.WritableStream): void {
    this.#clear();
    this.#rows.delete(label);
    if (text !== undefined) target.write(`${text}\n`);
    this.#draw();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#terminal || this.#drawnRows === 0) return;
    this.#terminal.moveCursor(0, -this.#drawnRows);
    this.#terminal.cursorTo(0);
    this.#terminal.clearScreenDown();
    this.#drawnRows = 0;
  }

  #draw(): void {
    const terminal = this.#terminal;
    if (!terminal) return;
    this.#clear();
    // More rows than the terminal has could not be redrawn in place.
    const rows = [...this.#rows].slice(-Math.max(1, (terminal.rows || 24) - 2));
    for (const [label, metadata] of rows) {
      terminal.write(`${bar(label, metadata).slice(0, (terminal.columns || 80) - 1)}\n`);
    }
    this.#drawnRows = rows.length;
  }
}

function bar(label: string, metadata: OperationMetadata): string {
  const filled = Math.round(fraction(metadata) * BAR_WIDTH);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${progressLine(label, metadata)}`;
}
