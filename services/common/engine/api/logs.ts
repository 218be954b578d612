import type { CallOptions, Engine } from "../engine.ts";
import { FrameLogParser, type LogPart, TerminalLogParser } from "../log-parts.ts";

export interface LogsOptions extends Pick<CallOptions, "signal"> {
  /** Go on with what comes, until the container ends. */
  follow: boolean;
  /** Lines before the end; 0: all. */
  tail: number;
  since?: Date | undefined;
  /** Whether the container has a terminal: its log is then one stream without frames. */
  tty: boolean;
}

/** Parts of a container's log: one batch for each piece of data the engine sends. Not read faster than taken. */
export async function* readLogs(engine: Engine, ref: string, options: LogsOptions): AsyncGenerator<LogPart[]> {
  const stream = await engine.stream("GET", `/containers/${encodeURIComponent(ref)}/logs`, {
    query: {
      stdout: true,
      stderr: true,
      timestamps: true,
      follow: options.follow,
      tail: options.tail === 0 ? "all" : options.tail,
      since: options.since === undefined ? undefined : (options.since.getTime() / 1000).toFixed(3),
    },
    signal: options.signal,
  });
  try {
    const parser = options.tty ? new TerminalLogParser() : new FrameLogParser();
    for await (const chunk of stream) {
      const batch = parser.push(chunk as Buffer);
      if (batch.length > 0) yield batch;
    }
    const batch = parser.end();
    if (batch.length > 0) yield batch;
  } finally {
    stream.destroy();
  }
}
