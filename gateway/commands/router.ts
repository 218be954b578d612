import type { Client } from "@grpc/grpc-js";
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
