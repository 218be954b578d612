import { readFile } from "node:fs/promises";
import type { Range } from "./cidr.ts";

/** IPv4 ranges the host has routes to (its own networks among them), without the default route. */
export async function hostRoutes(): Promise<Range[]> {
  return parseRoutes(await readFile("/proc/self/net/route", "utf8"));
}

/** Addresses in that file are hexadecimal, least byte first. */
export function parseRoutes(text: string): Range[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.split("\t");
      const [destination, mask] = [fields[1], fields[7]];
      if (destination === undefined || mask === undefined) return [];
      const prefix = bits(swap(mask.trim()));
      return prefix === 0 ? [] : [{ first: swap(destination), prefix }];
    });
}

function swap(hex: string): number {
  return Buffer.from(hex, "hex").readUInt32LE();
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
