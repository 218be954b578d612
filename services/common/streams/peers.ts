import type { ChannelCredentials, Client, MethodDefinition } from "@grpc/grpc-js";
import { unavailable } from "../errors/errors.ts";
import type { CallContext, Sink } from "../rpc/call.ts";
import { type ForwardedCall, forwardOne, forwardStream } from "../rpc/proxy/forward.ts";
import { connectRaw } from "../rpc/proxy/raw.ts";

/** Tells the same service of another host that a call was forwarded once: it is not forwarded again. */
const FORWARDED = "gantry-forwarded";

export interface PeersOptions {
  /** As in the processes' certificates. */
  service: string;
  /** gRPC address of the service on a host; undefined when the host is lost or offers none. */
  find: (host: string) => Promise<string | undefined>;
  credentials: () => ChannelCredentials;
}

type Messages<Req> = AsyncIterable<Req> | Iterable<Req>;

/** The same service on other hosts. UNAVAILABLE when the host is lost or offers none. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #clients = new Map<string, Client>();

  constructor(options: PeersOptions) {
    this.#options = options;
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
      throw unavailable("MOVED", `what was asked for is on host ${host}, not here: try again`);
    }
    const address = await this.#options.find(host);
    if (address === undefined) {
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
      client = connectRaw(address, this.#options.credentials(), { serverName: this.#options.service });
      this.#clients.set(address, client);
    }
    return client;
  }
}
