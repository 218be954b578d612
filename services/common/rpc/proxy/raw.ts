import { Client, type ChannelCredentials, type ClientDuplexStream, type Metadata } from "@grpc/grpc-js";
import { failedPrecondition } from "../../errors/errors.ts";
import { PEER_KEY } from "../authenticate.ts";
import { channelOptions, type ConnectOptions } from "../client.ts";

/** How often a call was passed on; a loop of two processes ends here. */
const HOPS_KEY = "gantry-hops";
const HOPS_MAX = 4;

const same = (bytes: Buffer): Buffer => bytes;

export type RawStream = ClientDuplexStream<Buffer, Buffer>;

/** A process that calls are passed on to, as bytes. */
export function connectRaw(address: string, credentials: ChannelCredentials, options: ConnectOptions = {}): Client {
  // A retry would need every message kept; whoever called may try again.
  return new Client(address, credentials, { ...channelOptions(address, options), "grpc.enable_retries": 0 });
}

/** On the wire all four call shapes are alike: messages one way, messages the other, a status. */
export function openRaw(client: Client, path: string, metadata: Metadata, deadline: number): RawStream {
  const options = deadline === Infinity ? {} : { deadline };
  const stream = client.makeBidiStreamRequest(path, same, same, metadata, options);
  // What went wrong comes as `status` too.
  stream.on("error", () => undefined);
  return stream;
}

/** The metadata to pass on: as received, with the address of whoever began the call. FAILED_PRECONDITION on a loop. */
export function forwardedMetadata(received: Metadata, peer: string): Metadata {
  const hops = Math.max(0, Number(received.get(HOPS_KEY)[0] ?? 0)) + 1;
  if (!(hops <= HOPS_MAX)) throw failedPrecondition("FORWARD_LOOP", "the call was passed on too often");
  const metadata = received.clone();
  metadata.set(PEER_KEY, peer);
  metadata.set(HOPS_KEY, String(hops));
  return metadata;
}
