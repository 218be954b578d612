import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A file should do one thing; past this it is named, past the second it fails. */
const LINES_NOTED = 300;
const LINES_MAX = 400;

const SOURCES = "{services,gateway,deploy,test}/**/*.{ts,js}";
/** Folders of the top two levels say what lives there; those of proto are laid out by convention, those of test mirror others. */
const FOLDERS_WITHOUT_README = /^(proto|test)\/./;

interface Rule {
  pattern: RegExp;
  message: string;
  where?: (path: string) => boolean;
}

const RULES: readonly Rule[] = [
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, message: "unfinished work is an issue, not a comment" },
  // Of the linter one line at a time, one rule, with the reason behind two dashes.
  {
    pattern: /@ts-(ignore|nocheck|expect-error)|eslint-disable|oxlint-disable(?!-next-line [a-z/-]+ -- \w)/,
    message: "no check is silenced without a reason",
  },
  {
    pattern: /\b(test|it|describe|suite)\.(skip|only|todo)\(|\b(skip|only|todo): true/,
    message: "no test is left out",
  },
  { pattern: /\bcatch\s*(\([^)]*\))?\s*\{\s*\}/, message: "no error is swallowed" },
  { pattern: /\bshell: true\b/, message: "programs are run with an array of arguments, never through a shell" },
  {
    pattern: /\bprocess\.env\b/,
    message: "the environment is read where a process starts, and handed on",
    where: (path) => /^(services|gateway)\//.test(path) && !/\/(run-main|main|config|bin)\.(ts|js)$/.test(path),
  },
];

/** This file names what it forbids. */
const OWN = "test/checks/style.ts";

/** House rules that no linter knows. Gives the files that are long; throws with every violation. */
export async function checkStyle(root: string): Promise<string | void> {
  const violations: string[] = [];
  const long: string[] = [];
  const paths = globSync(SOURCES, { cwd: root }).sort();
  for (const path of paths) {
    const lines = readFileSync(join(root, path), "utf8").split("\n");
    if (lines.length > LINES_MAX) violations.push(`${path}: ${lines.length} lines, more than ${LINES_MAX}`);
    else if (lines.length > LINES_NOTED) long.push(`${path} (${lines.length} lines)`);
    violations.push(...violationsOf(path, lines));
  }
  for (const folder of topFolders(paths)) {
    if (FOLDERS_WITHOUT_README.test(folder) || existsSync(join(root, folder, "README.md"))) continue;
    violations.push(`${folder}: no README.md that says what lives there`);
  }
  if (violations.length > 0) throw new Error(violations.join("\n"));
  if (long.length > 0) return `look twice at: ${long.join(", ")}`;
}

/** The folders of the top two levels that hold anything. */
export function topFolders(paths: readonly string[]): Set<string> {
  return new Set(
    paths.flatMap((path) => {
      const folders = path.split("/").slice(0, -1);
      return [1, 2].filter((depth) => depth <= folders.length).map((depth) => folders.slice(0, depth).join("/"));
    }),
  );
}

export function violationsOf(path: string, lines: readonly string[]): string[] {
  if (path === OWN) return [];
  const name = path.split("/").at(-1)!;
  const violations = /^[a-z0-9]+([-.][a-z0-9]+)*\.(ts|js)$/.test(name) ? [] : [`${path}: a file name is kebab-case`];
  for (const [index, line] of lines.entries()) {
    for (const { pattern, message, where } of RULES) {
      if (pattern.test(line) && (where?.(path) ?? true)) violations.push(`${path}:${index + 1}: ${message}`);
    }
  }
  return violations;
}
