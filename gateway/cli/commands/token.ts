import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { stringify } from "yaml";
import { isProjectRole, type ProjectRole } from "../../../services/common/auth/principal.ts";
import type { Cli } from "../cli.ts";
import { caOf } from "../config/contexts.ts";
import { UsageError } from "../exit-codes.ts";
import { parseDurationMs } from "../quantity.ts";

interface Options {
  role?: string[];
  realmAdmin?: boolean;
  ttl: string;
  dataDir: string;
  config?: boolean;
}

const TTL_MAX_MS = 366 * 86_400_000;
const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

/** Works on the host that holds the realm's token key: whoever can read that key may make tokens. */
export function registerTokenCreate(create: Command, cli: Cli): void {
  create
    .command("token")
    .summary("a token for someone, made on a host of the realm")
    .description(
      "Makes a token, on a host that holds the realm's token key.\n" +
        "  gantry add token alice --role default=editor --ttl 8h --config > alice.yaml\n" +
        "  GANTRY_CONFIG=alice.yaml gantry get instances",
    )
    .argument("<subject>", "who it is for")
    .option("--role <project=role>", "viewer, editor or admin of a project (repeatable)", collect)
    .option("--realm-admin", "everything in the realm")
    .option("--ttl <duration>", "how long it is valid", "8h")
    .option("--data-dir <folder>", "the realm's data folder", "/var/lib/gantry")
    .option("--config", "print a whole configuration file for the gantry command instead of the token alone")
    .action(async (subject: string, options: Options) => {
      const roles = parseRoles(options.role ?? []);
      const ttlMs = parseDurationMs(options.ttl, "--ttl");
      if (ttlMs > TTL_MAX_MS) throw new UsageError("--ttl is at most 366d");
      if (Object.keys(roles).length === 0 && !options.realmAdmin)
        throw new UsageError("give it at least one --role, or --realm-admin");
      const key = readKey(join(options.dataDir, "token", "private.jwk"));
      // Loaded where needed: it is large.
      const { mintToken } = await import("../../../services/common/auth/token.ts");
      const { token } = await mintToken(key, { subject, roles, ttlMs, realmAdmin: options.realmAdmin ?? false });
      if (!options.config) {
        cli.print(token);
        return;
      }
      const { name, ...context } = cli.context;
      // Whole in itself, so that it works on any machine.
      const whole = { ...context, ca: caOf(context).toString("utf8"), token };
      cli.print(stringify({ current: name, contexts: { [name]: whole } }).trimEnd());
    });
}

function readKey(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(
      `the realm's token key ${path} cannot be read (run this on a host of the realm, as its owner)`,
      { cause },
    );
  }
}

export function parseRoles(texts: readonly string[]): Record<string, ProjectRole> {
  return Object.fromEntries(
    texts.map((text) => {
      const [project = "", role = ""] = text.split("=");
      if (project === "" || !isProjectRole(role))
        throw new UsageError(`--role ${text}: write project=viewer, project=editor or project=admin`);
      return [project, role] as const;
    }),
  );
}
