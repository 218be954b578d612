import { existsSync } from "node:fs";
import type { OsRelease } from "./os-release.ts";

export interface PackageSource {
  uri: string;
  suite: string;
  component: string;
  /** Source packages instead of those to install. */
  source?: boolean;
}

/** Where a private apt takes packages from. */
export interface SourceSelection {
  /** The choices to try, best first. */
  choices: PackageSource[][];
  /** Text of apt's preferences. */
  preferences: string;
}

/**
 * Debian 12's own engine (20.10) is too old, and later releases' engines run on its libraries; everything else stays
 * Debian 12's. By pin priority: only what is named below is ever taken from these suites.
 */
const NEWER_SUITES: Record<string, string[]> = { bookworm: ["trixie", "sid"] };

/** Versions that were tried, best first. */
const ENGINE_PINS: [packages: string, version: string][] = [
  ["docker.io docker-cli", "28.*"],
  ["docker.io docker-cli", "27.*"],
  ["docker.io docker-cli", "26.*"],
  ["containerd", "2.*"],
  ["containerd", "1.7.*"],
];

const KEYRINGS: Record<string, string> = {
  debian: "/usr/share/keyrings/debian-archive-keyring.gpg",
  ubuntu: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
};

/** Reads what `apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)'` printed. */
export function parseIndexTargets(text: string): PackageSource[] {
  return text
    .split("\n")
    .map((line) => line.trim().split("|"))
    .filter((parts) => parts.length === 3)
    .map(([uri, suite, component]) => ({ uri: uri!, suite: suite!, component: component! }));
}

/**
 * The machine's own release from its own mirrors, with the newer suites that its engine comes from where needed: the
 * choices to try, best first, since a mirror may lack one of those.
 */
export function chooseSources(os: OsRelease, configured: readonly PackageSource[]): PackageSource[][] {
  const own = configured.filter(({ suite }) => suite === os.codename || suite.startsWith(`${os.codename}-`));
  const main = own.find(({ suite, component }) => suite === os.codename && component === "main");
  if (!main) throw new Error(`apt on this machine has no source for ${os.prettyName} (${os.codename} main)`);
  const newer = (NEWER_SUITES[os.codename] ?? []).map((suite) => ({ ...main, suite }));
  if (newer.length === 0) return [own];
  return newer.map((_, index) => [...own, ...newer.slice(0, newer.length - index)]);
}

/** The machine's own release, and from newer ones the engine alone. */
export function sourcesWithEngine(os: OsRelease, configured: readonly PackageSource[]): SourceSelection {
  return { choices: chooseSources(os, configured), preferences: renderPreferences(os) };
}

export function renderSources(os: OsRelease, sources: readonly PackageSource[]): string {
  const keyring = KEYRINGS[os.id];
  const option = keyring && existsSync(keyring) ? `[signed-by=${keyring}] ` : "";
  return sources
    .map(({ uri, suite, component, source }) => `${source ? "deb-src" : "deb"} ${option}${uri} ${suite} ${component}\n`)
    .join("");
}

export function renderPreferences(os: OsRelease): string {
  const suites = NEWER_SUITES[os.codename] ?? [];
  if (suites.length === 0) return "";
  const low = suites.map((suite) => `Package: *\nPin: release n=${suite}\nPin-Priority: 50\n`);
  const engine = ENGINE_PINS.map(
    ([packages, version], index) => `Package: ${packages}\nPin: version ${version}\nPin-Priority: ${990 - index}\n`,
  );
  return [...low, ...engine].join("\n");
}
