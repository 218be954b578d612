import { readFile } from "node:fs/promises";

/** What this process may do to its host. */
export interface HostPowers {
  /** Rules and links. */
  network: boolean;
  /** Mounts. */
  mounts: boolean;
}

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

export async function hostPowers(): Promise<HostPowers> {
  return powersOf(await readFile("/proc/self/status", "utf8"));
}

export function powersOf(status: string): HostPowers {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const has = (capability: bigint): boolean => ((effective >> capability) & 1n) === 1n;
  return { network: has(CAP_NET_ADMIN), mounts: has(CAP_SYS_ADMIN) };
}
