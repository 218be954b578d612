import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { UsageError } from "../exit-codes.ts";

/** How to reach one realm and as whom. */
export interface Context {
  /** gRPC address, `host:port`. */
  address: string;
  /** Base URL of the gateway's WebSocket and HTTP, for example `https://127.0.0.1:9600`. */
  gateway: string;
  /** The realm's CA certificate: the path of a PEM file, or the PEM text itself. */
  ca: string;
  /** Bearer token. */
  token: string;
  /** Project used where none is named. */
  project?: string;
}

export interface ContextFile {
  current: string;
  contexts: Record<string, Context>;
}

/** `GANTRY_CONFIG`, else `$XDG_CONFIG_HOME/gantry/config.yaml`, else `~/.config/gantry/config.yaml`. */
export function contextPath(env: NodeJS.ProcessEnv): string {
  if (env["GANTRY_CONFIG"]) return env["GANTRY_CONFIG"];
  return join(env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "gantry", "config.yaml");
}

export function readContexts(path: string): ContextFile {
  if (!existsSync(path)) return { current: "", contexts: {} };
  const value = parseFile(path);
  const file = value as Partial<ContextFile> | null;
  if (!file || typeof file.current !== "string" || typeof file.contexts !== "object" || !file.contexts) {
    throw new UsageError(`${path} is not a gantry configuration: it needs "current" and "contexts"`);
  }
  for (const [name, context] of Object.entries(file.contexts)) {
    const missing = (["address", "gateway", "ca", "token"] as const).filter(
      (key) => typeof context?.[key] !== "string",
    );
    if (missing.length > 0) throw new UsageError(`${path}: context "${name}" lacks ${missing.join(", ")}`);
  }
  return file as ContextFile;
}

function parseFile(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message.trim()}`, { cause });
  }
}

/** PEM of the realm's CA certificate. */
export function caOf(context: Context): Buffer {
  if (context.ca.includes("-----BEGIN CERTIFICATE-----")) return Buffer.from(context.ca);
  try {
    return readFileSync(context.ca);
  } catch (cause) {
    throw new UsageError(
      `the realm's CA certificate ${context.ca} cannot be read: ${(cause as Error).message}\n` +
        `The context "ca" in the configuration must name it, or hold its text.`,
      { cause },
    );
  }
}

/** Whole or not at all, readable by its owner alone. */
export function writeContexts(path: string, file: ContextFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, stringify(file), { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

export function selectContext(path: string, wanted: string | undefined): Context & { name: string } {
  const file = readContexts(path);
  const name = wanted ?? file.current;
  const context = file.contexts[name];
  if (context) return { ...context, name };
  const known = Object.keys(file.contexts);
  if (known.length === 0) {
    throw new UsageError(
      `${path} names no realm: "npm start" on a server writes it there; for another machine "gantry add token NAME --config" prints one`,
    );
  }
  throw new UsageError(`no context "${name}" in ${path}; known: ${known.join(", ")}`);
}
