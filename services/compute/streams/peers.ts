import { type CallOptions, type ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { ComputeServiceClient } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { HostState } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { unavailable } from "../../common/errors/errors.ts";
import type { CallContext } from "../../common/rpc/call.ts";
import { connectClient } from "../../common/rpc/client.ts";
import type { Store } from "../../common/store/api.ts";
import { hostKind } from "../kinds.ts";

/** Tells the compute service of another host that a stream was forwarded once: it is not forwarded again. */
const FORWARDED = "gantry-forwarded";

/** A connection to the compute service of another host, with what a forwarded call carries along. */
export interface Peer {
  client: ComputeServiceClient;
  metadata: Metadata;
  options: Partial<CallOptions>;
}

/** Compute services of other hosts, found through their host records. */
export class Peers {
  readonly #store: Store;
  readonly #credentials: () => ChannelCredentials;
  readonly #clients = new Map<string, ComputeServiceClient>();

  constructor(options: { store: Store; credentials: () => ChannelCredentials }) {
    this.#store = options.store;
    this.#credentials = options.credentials;
  }

  /** UNAVAILABLE when the host is lost or offers no compute service. The user's token and deadline go along. */
  async find(host: string, ctx: CallContext): Promise<Peer> {
    if (ctx.metadata.get(FORWARDED).length > 0) {
      throw unavailable("INSTANCE_MOVED", `the instance is on host ${host}, not here: try again`);
    }
    const record = await this.#store.get(hostKind, `hosts/${host}`);
    const address = record?.status?.endpoints["compute"];
    if (address === undefined || record?.status?.state === HostState.HOST_STATE_LOST) {
      throw unavailable("HOST_LOST", `host ${host} cannot be reached: nothing has been heard of it`);
    }
    const metadata = new Metadata();
    for (const value of ctx.metadata.get("authorization")) metadata.add("authorization", value);
    metadata.set(FORWARDED, "1");
    const options = ctx.deadline === Infinity ? {} : { deadline: ctx.deadline };
    return { client: this.#client(address), metadata, options };
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(address: string): ComputeServiceClient {
    let client = this.#clients.get(address);
    if (!client) {
      client = connectClient(ComputeServiceClient, address, this.#credentials(), { serverName: "compute" });
      this.#clients.set(address, client);
    }
    return client;
  }
}
