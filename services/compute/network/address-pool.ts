import { resourceExhausted } from "../../common/errors/errors.ts";
import { contains, formatIpv4, parseIpv4, type Range, sizeOf } from "../../common/network/cidr.ts";

/** Network address, and the gateway. */
const RESERVED_AT_BEGIN = 2;

/**
 * Addresses of the realm's network for this host's instances. Taken is what records hold, and what was given out a moment ago. Only the
 * lower half: the engine gives addresses of the upper half to containers of others.
 */
export class AddressPool {
  readonly #range: Range;
  readonly #taken: () => Iterable<{ uid: string; ipv4: string }>;
  readonly #given = new Map<string, string>();
  /** Goes round: an address given back is used again as late as possible. */
  #next = RESERVED_AT_BEGIN;

  constructor(range: Range, taken: () => Iterable<{ uid: string; ipv4: string }>) {
    this.#range = range;
    this.#taken = taken;
  }

  /** The same address again for the same instance. RESOURCE_EXHAUSTED when there is none left. */
  reserve(uid: string): string {
    const known = this.#given.get(uid);
    if (known !== undefined) return known;
    const taken = new Set(this.#given.values());
    for (const { ipv4 } of this.#taken()) taken.add(ipv4);
    const count = sizeOf(this.#range.prefix) / 2;
    for (let tried = RESERVED_AT_BEGIN; tried < count; tried += 1) {
      const address = formatIpv4(this.#range.first + this.#next);
      this.#next = this.#next + 1 < count ? this.#next + 1 : RESERVED_AT_BEGIN;
      if (taken.has(address)) continue;
      this.#given.set(uid, address);
      return address;
    }
    throw resourceExhausted("realm_network_subnet", "no address is free in the realm's network on this host");
  }

  /** Whether an address is of this network: one of an earlier network is of no use. */
  includes(ipv4: string): boolean {
    const address = parseIpv4(ipv4);
    return address !== undefined && contains(this.#range, address);
  }

  release(uid: string): void {
    this.#given.delete(uid);
  }
}
