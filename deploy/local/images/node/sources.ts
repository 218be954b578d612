import type { OsRelease } from "../../packages/os-release.ts";
import type { PackageSource, SourceSelection } from "../../packages/sources.ts";

/** The release whose Kubernetes source, Go, containerd and libraries were tried together. */
const RELEASE = "bookworm";

/** Debian 12 alone, with its source packages: nothing of any other release, whatever the machine's own. */
export function debian12Sources(os: OsRelease, configured: readonly PackageSource[]): SourceSelection {
  if (os.id !== "debian") {
    throw new Error(`a node image is made from packages of Debian 12, and only on Debian, not on ${os.prettyName}`);
  }
  const own = configured.filter(({ suite, component }) => isOf(suite, os.codename) && component === "main");
  if (!own.some(({ suite }) => suite === os.codename)) {
    throw new Error(`apt on this machine has no source for ${os.prettyName} (${os.codename} main)`);
  }
  const binary = own.map((source) => ({ ...source, suite: source.suite.replace(os.codename, RELEASE) }));
  return { choices: [[...binary, ...binary.map((source) => ({ ...source, source: true }))]], preferences: "" };
}

function isOf(suite: string, codename: string): boolean {
  return [codename, `${codename}-updates`, `${codename}-security`].includes(suite);
}
