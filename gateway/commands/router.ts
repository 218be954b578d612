import type { ChannelCredentials, Client } from "@grpc/grpc-js";
import { connectRaw } from "../../services/common/rpc/proxy/raw.ts";
import {
  OPERATIONS_SERVICE,
  noSuchService,
  serviceOfOperation,
  serviceOfPackage,
} from "../../services/common/rpc/proxy/routes.ts";
import type { Method } from "./methods.ts";

/** The gRPC connections to the services. */
export interface CommandRouter {
  /** Short names of the services that can be reached, for example `compute`. */
  readonly services: readonly string[];
  /** Connection to a service; undefined when this gateway knows no address of it. */
  client(service: string): Client | undefined;
}

export function createRouter(clients: ReadonlyMap<string, Client>): CommandRouter {
  return { services: [...clients.keys()], client: (service) => clients.get(service) };
}

/** Connects to each service (at its first call) by its address. Ends with `close`. */
export function connectServices(
  addresses: ReadonlyMap<string, string>,
  credentials: ChannelCredentials,
): CommandRouter & { close(): void } {
  const clients = new Map<string, Client>();
  for (const [service, address] of addresses) {
    clients.set(service, connectRaw(address, credentials, { serverName: service }));
  }
  return {
    ...createRouter(clients),
    close: () => {
      for (const client of clients.values()) client.close();
    },
  };
}

export interface Route {
  /** Short name of the service. */
  service: string;
  client: Client;
}

/**
 * The connection for a call, by the rules of the one gRPC address: by package (`gantry.compute.v1`), operations by the service part of
 * the id they name, lists of operations to compute.
 */
export function routeOf(router: CommandRouter, method: Method, request: Uint8Array): Route {
  const service =
    method.service === OPERATIONS_SERVICE
      ? serviceOfOperation(request, method.path, undefined)
      : (serviceOfPackage(method.service) ?? method.service);
  const client = router.client(service);
  if (client === undefined) throw noSuchService(service, router.services);
  return { service, client };
}
