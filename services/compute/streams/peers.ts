import type { ChannelCredentials, Client, MethodDefinition } from "@grpc/grpc-js";
import { HostState } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { unavailable } from "../../common/errors/errors.ts";
import type { CallContext, Sink } from "../../common/rpc/call.ts";
import { type ForwardedCall, forwardOne, forwardStream } from "../../common/rpc/proxy/forward.ts";
import { connectRaw } from "../../common/rpc/proxy/raw.ts";
import type { Store } from "../../common/store/api.ts";
import { hostKind } from "../kinds.ts";

/** Tells the compute service of another host that a call was forwarded once: it is not forwarded again. */
const FORWARDED = "gantry-forwarded";

type Messages<Req> = AsyncIterable<Req> | Iterable<Req>;

/** Compute services of other hosts, found through their host records. UNAVAILABLE when the host is lost or offers none. */
export class Peers {
  readonly #store: Store;
  readonly #credentials: () => ChannelCredentials;
  readonly #clients = new Map<string, Client>();

  constructor(options: { store: Store; credentials: () => ChannelCredentials }) {
    this.#store = options.store;
    this.#credentials = options.credentials;
  }

  /** Passes the call on to the same method on `host`, answers go to `sink`. */
  async stream<Req, Res>(
    host: string,
    ctx: CallContext,
    method: Pick<MethodDefinition<Req, never>, "requestSerialize">,
    messages: Messages<Req>,
    sink: Sink<Res>,
  ): Promise<void> {
    const { client, call } = await this.#find(host, ctx);
    await forwardStream(client, call, method, messages, sink);
  }

  /** As `stream`, for methods that answer once. */
  async one<Req, Res>(
    host: string,
    ctx: CallContext,
    method: Pick<MethodDefinition<Req, Res>, "requestSerialize" | "responseDeserialize">,
    messages: Messages<Req>,
  ): Promise<Res> {
    const { client, call } = await this.#find(host, ctx);
    return forwardOne(client, call, method, messages);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #find(host: string, ctx: CallContext): Promise<{ client: Client; call: ForwardedCall }> {
    if (ctx.metadata.get(FORWARDED).length > 0) {
      throw unavailable("INSTANCE_MOVED", `the instance is on host ${host}, not here: try again`);
    }
    const record = await this.#store.get(hostKind, `hosts/${host}`);
    const address = record?.status?.endpoints["compute"];
    if (address === undefined || record?.status?.state === HostState.HOST_STATE_LOST) {
      throw unavailable("HOST_LOST", `host ${host} cannot be reached: nothing has been heard of it`);
    }
    const { signal, deadline, method, peer } = ctx;
    const metadata = ctx.metadata.clone();
    metadata.set(FORWARDED, "1");
    return { client: this.#client(address), call: { signal, deadline, method, peer, metadata } };
  }

  #client(address: string): Client {
    let client = this.#clients.get(address);
    if (!client) {
      client = connectRaw(address, this.#credentials(), { serverName: "compute" });
      this.#clients.set(address, client);
    }
    return client;
  }
}
