import { AddressPool } from "./address-pool.ts";
import { formatRange } from "../../common/network/cidr.ts";
import type { RealmNetwork, RealmNetworkState } from "./realm-network.ts";

/** The realm's network on this host, with its addresses. */
export class HostNetwork {
  readonly #network: RealmNetwork;
  readonly #taken: () => Iterable<{ uid: string; ipv4: string }>;
  #pool: { subnet: string; addresses: AddressPool } | undefined;

  /** `taken`: what records of this host's instances hold. */
  constructor(network: RealmNetwork, taken: () => Iterable<{ uid: string; ipv4: string }>) {
    this.#network = network;
    this.#taken = taken;
  }

  get name(): string {
    return this.#network.name;
  }

  /** Whether the network was there when it was last looked at. */
  get isKnown(): boolean {
    return this.#network.isKnown;
  }

  ensure(signal?: AbortSignal): Promise<RealmNetworkState> {
    return this.#network.ensure(signal);
  }

  forget(): void {
    this.#network.forget();
  }

  /** Of the network as it is now. */
  async addresses(signal?: AbortSignal): Promise<AddressPool> {
    const { subnet } = await this.ensure(signal);
    const text = formatRange(subnet);
    if (this.#pool?.subnet !== text) this.#pool = { subnet: text, addresses: new AddressPool(subnet, this.#taken) };
    return this.#pool.addresses;
  }

  /** An address for an instance that is being written, where the network is known; else its job sees to it. */
  reserveNow(uid: string): string | undefined {
    return this.isKnown ? this.#pool?.addresses.reserve(uid) : undefined;
  }

  /** Whether an address is of the network as it is known. */
  includes(ipv4: string): boolean {
    return this.isKnown && (this.#pool?.addresses.includes(ipv4) ?? false);
  }

  release(uid: string): void {
    this.#pool?.addresses.release(uid);
  }
}
