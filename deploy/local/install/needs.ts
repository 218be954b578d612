import { findProgram } from "../process/find-program.ts";

/** A program that Gantry runs, and the packages of Debian and Ubuntu that bring it. */
export interface Need {
  program: string;
  what: string;
  packages: readonly string[];
}

export const REDIS: Need = { program: "redis-server", what: "Redis", packages: ["redis-server"] };

/** Of a private engine; the engine itself is a matter of its own (engine-programs.ts). */
export const ENGINE_TOOLS: readonly Need[] = [
  { program: "ip", what: "network tools", packages: ["iproute2"] },
  { program: "nft", what: "nftables", packages: ["nftables"] },
];

/** On every Linux that people install on metal; named when absent. */
export const BASE_TOOLS: readonly Need[] = [
  { program: "setpriv", what: "util-linux", packages: ["util-linux"] },
  { program: "flock", what: "util-linux", packages: ["util-linux"] },
];

export function missing(needs: readonly Need[], path: string): Need[] {
  return needs.filter(({ program }) => findProgram(program, path) === undefined);
}

/** `Redis (redis-server), nftables (nft)` */
export function describeNeeds(needs: readonly Need[]): string {
  return needs.map(({ what, program }) => `${what} (${program})`).join(", ");
}
