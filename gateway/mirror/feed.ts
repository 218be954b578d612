import { type Client, type ServiceError, status as Code } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { WatchRequest, WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { codeName } from "../../services/common/errors/status.ts";
import { WatchClient } from "../../services/common/watch/watch-client.ts";
import type { OriginTracker } from "./origin-tracker.ts";

export interface FeedOptions {
  /** Connection to the service. */
  client: Client;
  tracker: OriginTracker;
  /** Empty: all but usage figures. */
  kinds?: readonly string[];
  log: Logger;
  signal: AbortSignal;
}

/** `/gantry.compute.v1.ComputeService/Watch`. */
function watchPath(service: string): string {
  return `/gantry.${service}.v1.${service[0]!.toUpperCase()}${service.slice(1)}Service/Watch`;
}

/** Keeps a tracker on its service's Watch, for ever. Rejects when a batch cannot be taken, which is a fault of ours. */
export function followService(options: FeedOptions): Promise<void> {
  const { client, tracker, kinds = [], log, signal } = options;
  const path = watchPath(tracker.service);
  const watch = new WatchClient({
    open: (request) =>
      client.makeServerStreamRequest(path, encodeRequest, (bytes: Buffer) => WatchResponse.decode(bytes), request),
    request: { kinds: [...kinds], observations: true },
    onBatch: (batch) => tracker.batch(batch),
    onState(state, error) {
      log.info({ service: tracker.service, state, err: error }, "watch");
      if (state === "connected") tracker.connected();
      else tracker.disconnected(why(tracker.service, error));
    },
    log,
    signal,
  });
  return watch.done;
}

function encodeRequest(request: WatchRequest): Buffer {
  return Buffer.from(WatchRequest.encode(request).finish());
}

/** For observers: without the addresses that gRPC's own messages carry. */
function why(service: string, error: Error | undefined): string {
  const code = (error as Partial<ServiceError> | undefined)?.code;
  if (code === undefined || code === Code.UNAVAILABLE) return `the ${service} service cannot be reached`;
  return `the ${service} service refuses: ${codeName(code)}`;
}
