import { parseBoolean, parseDuration, parseInteger, parseSize, shown, splitHostPort } from "./values.ts";

export { type HostPort, splitHostPort } from "./values.ts";

const PREFIX = "GANTRY_";

export type Environment = Readonly<Record<string, string | undefined>>;

/** As default value: the setting must be given. */
export const REQUIRED: unique symbol = Symbol("required");
type Default<T> = T | typeof REQUIRED;

export interface Bounds {
  min?: number;
  max?: number;
}

export interface Setting {
  name: string;
  kind: string;
  /** As it would be written; empty when there is none. */
  defaultText: string;
  required: boolean;
  doc: string;
}

/** Every problem of an environment at once. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** An empty value counts as not given. Defaults of durations and sizes are written as a user would: `30s`, `4MiB`. */
export class ConfigReader {
  readonly problems: string[] = [];
  readonly settings: Setting[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  string(
    name: string,
    fallback: Default<string>,
    doc: string,
    options: { pattern?: RegExp; hint?: string } = {},
  ): string {
    return this.#read(name, "text", fallback, doc, "", (text) => {
      if (options.pattern && !options.pattern.test(text))
        throw new Error(options.hint ?? `must match ${options.pattern.source}`);
      return text;
    });
  }

  /** An absolute path. */
  path(name: string, fallback: Default<string>, doc: string): string {
    return this.#read(name, "path", fallback, doc, "", (text) => {
      if (!text.startsWith("/")) throw new Error("must be an absolute path");
      return text;
    });
  }

  integer(name: string, fallback: Default<number>, doc: string, bounds: Bounds = {}): number {
    const text = typeof fallback === "number" ? String(fallback) : fallback;
    return this.#read(name, `number${range(bounds, String)}`, text, doc, 0, (value) => {
      return within(parseInteger(value), bounds, String);
    });
  }

  /** Milliseconds. `bounds` are milliseconds too. */
  durationMs(name: string, fallback: Default<string>, doc: string, bounds: Bounds = {}): number {
    const format = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`);
    return this.#read(name, `time${range(bounds, format)}`, fallback, doc, 0, (text) => {
      return within(parseDuration(text), bounds, format);
    });
  }

  /** Bytes. */
  sizeBytes(name: string, fallback: Default<string>, doc: string, bounds: Bounds = {}): number {
    return this.#read(name, `size${range(bounds, String)}`, fallback, doc, 0, (text) => {
      return within(parseSize(text), bounds, String);
    });
  }

  boolean(name: string, fallback: boolean, doc: string): boolean {
    return this.#read(name, "true or false", String(fallback), doc, fallback, parseBoolean);
  }

  /** `host:port`, as given. An empty default means that there is none. */
  hostPort(name: string, fallback: Default<string>, doc: string): string {
    return this.#read(name, "host:port", fallback, doc, "", (text) => {
      splitHostPort(text);
      return text;
    });
  }

  oneOf<const T extends string>(name: string, values: readonly T[], fallback: NoInfer<T>, doc: string): T {
    return this.#read(name, values.join(", "), fallback, doc, fallback, (text) => {
      const found = values.find((value) => value === text);
      if (found === undefined) throw new Error(`must be one of ${values.join(", ")}`);
      return found;
    });
  }

  /** `a=1,b=2`; values are parsed by `parse`, which throws on a bad one. */
  map<T>(name: string, fallback: string, doc: string, parse: (value: string) => T): ReadonlyMap<string, T> {
    return this.#read(name, "name=value,…", fallback, doc, new Map<string, T>(), (text) => {
      const entries = new Map<string, T>();
      for (const part of text.split(",")) {
        const at = part.indexOf("=");
        const key = part.slice(0, at).trim();
        if (at < 1 || key === "") throw new Error("must be name=value pairs with commas between");
        if (entries.has(key)) throw new Error(`names ${shown(key)} twice`);
        entries.set(key, parse(part.slice(at + 1).trim()));
      }
      return entries;
    });
  }

  #read<T>(
    name: string,
    kind: string,
    fallback: Default<string>,
    doc: string,
    empty: T,
    parse: (text: string) => T,
  ): T {
    const required = fallback === REQUIRED;
    this.settings.push({ name, kind, defaultText: required ? "" : fallback, required, doc });
    const given = this.#env[name];
    const text = given === undefined || given === "" ? (required ? undefined : fallback) : given;
    if (text === undefined) {
      this.problems.push(`${name} must be set: ${doc}`);
      return empty;
    }
    if (text === "") return empty;
    try {
      return parse(text);
    } catch (error) {
      this.problems.push(`${name} is ${shown(text)} but ${error instanceof Error ? error.message : String(error)}`);
      return empty;
    }
  }
}

export interface ReadOptions {
  /** Settings of other processes, which this one may find in its environment. */
  known?: readonly string[];
  /** Told of each GANTRY_ variable that no setting has. Default: a line on standard error. */
  onWarning?: (line: string) => void;
}

/** Builds a process's config. Throws ConfigError with every problem. */
export function readConfig<T>(env: Environment, build: (c: ConfigReader) => T, options: ReadOptions = {}): T {
  const reader = new ConfigReader(env);
  const config = build(reader);
  const known = new Set([...reader.settings.map((setting) => setting.name), ...(options.known ?? [])]);
  const warn = options.onWarning ?? ((line: string) => process.stderr.write(`gantry: ${line}\n`));
  for (const name of Object.keys(env).sort()) {
    if (name.startsWith(PREFIX) && !known.has(name)) warn(`${name} is not a setting of this process and has no effect`);
  }
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

function within(value: number, { min, max }: Bounds, format: (value: number) => string): number {
  if (min !== undefined && value < min) throw new Error(`must be at least ${format(min)}`);
  if (max !== undefined && value > max) throw new Error(`must be at most ${format(max)}`);
  return value;
}

function range({ min, max }: Bounds, format: (value: number) => string): string {
  if (min !== undefined && max !== undefined) return `, ${format(min)} to ${format(max)}`;
  if (min !== undefined) return `, at least ${format(min)}`;
  return max === undefined ? "" : `, at most ${format(max)}`;
}
