import type { Logger } from "pino";
import type { Engine } from "../../common/engine/engine.ts";
import { createNetwork, findNetwork, listNetworks } from "../../common/engine/api/networks.ts";
import { isSubnetOverlap } from "../../common/engine/errors.ts";
import {
  KIND_NETWORK,
  LABEL_KIND,
  LABEL_NAME,
  LABEL_REALM,
  ofAnotherRealm,
  otherRealmOf,
} from "../../common/engine/labels.ts";
import { type NetworkState, networkFromInspect } from "../../common/engine/state.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import {
  contains,
  formatIpv4,
  formatRange,
  freeRanges,
  parseIpv4,
  parseRange,
  type Range,
  sizeOf,
} from "../../common/network/cidr.ts";
import { hostRoutes } from "../../common/network/host-routes.ts";

/** Where ranges for the realm's network and for networks inside inner engines are looked for. */
const NETWORK_SPACE: Range = { first: parseIpv4("10.200.0.0")!, prefix: 14 };
const NETWORK_PREFIX = 20;
const INNER_SPACE: Range = { first: parseIpv4("10.204.0.0")!, prefix: 14 };
const INNER_PREFIX = 16;
/** Ranges tried when the engine finds one taken that looked free. */
const TRIES_MAX = 16;

export interface RealmNetworkOptions {
  engine: Engine;
  /** Id of the realm. */
  realm: string;
  /** Name on the engine. */
  name: string;
  /** CIDR; empty: a free one is chosen. */
  subnet: string;
  log: Logger;
  /** Addresses that instances of this host have reserved: a network made anew must hold them. */
  reserved: () => Iterable<string>;
}

export interface RealmNetworkState {
  subnet: Range;
  /** Range of networks inside inner engines; meets no network of the host. */
  innerPool: string;
}

/**
 * The realm's own network on this host: a bridge of the engine with a known subnet, so that an instance keeps its address when its container
 * is made anew.
 */
export class RealmNetwork {
  readonly name: string;
  readonly #options: RealmNetworkOptions;
  #state: Promise<RealmNetworkState> | undefined;
  #known = false;

  constructor(options: RealmNetworkOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Makes the network when it is not there. Asked of the engine once, until `forget`. */
  ensure(signal?: AbortSignal): Promise<RealmNetworkState> {
    if (!this.#state) {
      const state = this.#ensure(signal);
      this.#state = state;
      state.then(
        () => {
          if (this.#state === state) this.#known = true;
        },
        () => {
          if (this.#state === state) this.#state = undefined;
        },
      );
    }
    return this.#state;
  }

  /** Whether it was there when it was last looked at. */
  get isKnown(): boolean {
    return this.#known;
  }

  /** The network was seen to go: look again. */
  forget(): void {
    this.#state = undefined;
    this.#known = false;
  }

  async #ensure(signal?: AbortSignal): Promise<RealmNetworkState> {
    const { engine, realm, log } = this.#options;
    const existing = await findNetwork(engine, this.name, { signal });
    const [networks, routes] = await Promise.all([listNetworks(engine, { signal }), hostRoutes()]);
    const used = [...routes, ...networks.flatMap((network) => rangesOf(networkFromInspect(network).subnets))];
    const innerPool = innerPoolBeside(used);
    if (existing) return { subnet: this.#subnetOf(networkFromInspect(existing)), innerPool };
    const tried: string[] = [];
    for (const subnet of this.#choices(used)) {
      if (tried.length >= TRIES_MAX) break;
      tried.push(formatRange(subnet));
      try {
        await createNetwork(engine, networkBody(this.name, realm, subnet), { signal });
        log.info({ network: this.name, subnet: formatRange(subnet) }, "realm network created");
        return { subnet, innerPool };
      } catch (error) {
        // Someone made it at the same moment, or the range is taken after all.
        const found = await findNetwork(engine, this.name, { signal });
        if (found) return { subnet: this.#subnetOf(networkFromInspect(found)), innerPool };
        if (!isSubnetOverlap(error)) throw error;
      }
    }
    throw failedPrecondition(
      "NO_FREE_SUBNET",
      `no subnet is free for network ${this.name} (tried ${tried.join(", ")})`,
    );
  }

  #subnetOf(network: NetworkState): Range {
    const { realm } = this.#options;
    if (otherRealmOf(network.labels, realm) !== undefined) {
      const text = `the engine's network ${this.name} is${ofAnotherRealm(network.labels, realm)}`;
      throw failedPrecondition(
        "NETWORK_NAME_IN_USE",
        `${text}: npm start chooses another name when it starts the next time; else name one in GANTRY_NETWORK of this realm's compute service`,
        { network: this.name },
      );
    }
    const subnet = rangesOf(network.subnets)[0];
    if (!subnet) throw failedPrecondition("NETWORK_UNUSABLE", `network ${this.name} has no IPv4 subnet`);
    return subnet;
  }

  *#choices(used: readonly Range[]): Generator<Range> {
    const { subnet, reserved } = this.#options;
    if (subnet !== "") {
      const range = parseRange(subnet);
      if (range) yield range;
      return;
    }
    const address = parseIpv4([...reserved()][0] ?? "");
    if (address !== undefined && contains(NETWORK_SPACE, address)) {
      yield { first: address - (address % sizeOf(NETWORK_PREFIX)), prefix: NETWORK_PREFIX };
    }
    yield* freeRanges(NETWORK_SPACE, NETWORK_PREFIX, used);
  }
}

function networkBody(name: string, realm: string, subnet: Range) {
  const half = sizeOf(subnet.prefix) / 2;
  return {
    Name: name,
    Driver: "bridge",
    Labels: { [LABEL_KIND]: KIND_NETWORK, [LABEL_NAME]: `networks/${name}`, [LABEL_REALM]: realm },
    IPAM: {
      Driver: "default",
      Config: [
        {
          Subnet: formatRange(subnet),
          Gateway: formatIpv4(subnet.first + 1),
          // What the engine gives out by itself; Gantry pins addresses in the lower half.
          IPRange: formatRange({ first: subnet.first + half, prefix: subnet.prefix + 1 }),
        },
      ],
    },
  };
}

function innerPoolBeside(used: readonly Range[]): string {
  const [range] = freeRanges(INNER_SPACE, INNER_PREFIX, used);
  if (!range) throw failedPrecondition("NO_FREE_SUBNET", `the host has routes to all of ${formatRange(INNER_SPACE)}`);
  return formatRange(range);
}

function rangesOf(subnets: readonly string[]): Range[] {
  return subnets.flatMap((subnet) => parseRange(subnet) ?? []);
}
