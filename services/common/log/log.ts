import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SECRET_FIELDS = [
  "authorization",
  "token",
  "ticket",
  "password",
  "key",
  "privateKey",
  "private_key",
  "env",
  "userData",
  "user_data",
];

export interface LogOptions {
  /** Process, for example `compute`. */
  name: string;
  level: LogLevel;
  host?: string;
  /** Default: standard output. */
  destination?: DestinationStream;
}

/** One JSON object a line, time in ISO 8601. Fields named like secrets are blanked down to the third level. */
export function createLog(options: LogOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { process: options.name, ...(options.host === undefined ? {} : { host: options.host }), pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "msg",
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: "[redacted]",
      },
    },
    options.destination ?? logDestination(1),
  );
}

/** Lines that wait for space on the disk, in bytes; what comes then is lost. */
const UNWRITTEN_MAX_BYTES = 1024 * 1024;

/**
 * A file, by descriptor or path. A line that cannot be written, as on a full disk, ends no process: it waits for the next one that can be.
 */
export function logDestination(file: number | string): DestinationStream {
  const stream = pino.destination({ dest: file, sync: true, maxLength: UNWRITTEN_MAX_BYTES });
  // There is nowhere left to say it: whoever started the process sees the same disk.
  stream.on("error", () => undefined);
  return stream;
}

const CAUSES_MAX = 5;

/**
 * Only what is known to be harmless: errors of client libraries carry the command or request that failed, and with it
 * what users gave us.
 */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { code, reason, metadata, cause, errors, statusCode } = error as Error & Record<string, unknown>;
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(statusCode === undefined ? {} : { statusCode }),
    ...(typeof reason === "string" ? { reason, metadata: withoutOutput(metadata) } : {}),
    stack: error.stack,
    ...(cause === undefined || depth >= CAUSES_MAX ? {} : { cause: describeError(cause, depth + 1) }),
    ...(Array.isArray(errors) && depth < CAUSES_MAX
      ? { errors: errors.slice(0, CAUSES_MAX).map((each) => describeError(each, depth + 1)) }
      : {}),
  };
}

/** What users' programs wrote is in the error for them alone. */
function withoutOutput(metadata: unknown): unknown {
  if (typeof metadata !== "object" || metadata === null || !("output" in metadata)) return metadata;
  const { output: _, ...rest } = metadata;
  return rest;
}
