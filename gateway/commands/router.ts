import type { Client } from "@grpc/grpc-js";
import { invalidArgument, unavailable } from "../../services/common/errors/errors.ts";
import { matchOperationName } from "../../services/common/names/operation-names.ts";

const OPERATIONS = "google.longrunning.Operations";

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
 * The connection for a call: by package (`gantry.compute.v1`), and for operations by the service part of the id in the request's `name`.
 * `name` is read from the request only there.
 */
export function routeOf(router: CommandRouter, fullService: string, name: () => unknown): Route {
  const service = fullService === OPERATIONS ? serviceOfOperation(router, name()) : packageService(fullService);
  const client = router.client(service);
  if (client === undefined) throw unavailable("NO_SUCH_SERVICE", `this gateway knows no ${service} service`);
  return { service, client };
}

function packageService(fullService: string): string {
  return /^gantry\.([a-z]+)\.v\d+\./.exec(fullService)?.[1] ?? fullService;
}

function serviceOfOperation(router: CommandRouter, name: unknown): string {
  const service = typeof name === "string" ? matchOperationName(name)?.service : undefined;
  if (service !== undefined) return service;
  // A list names a parent, not an operation: it can go only to the one service there is.
  const [only, ...others] = router.services;
  if (only !== undefined && others.length === 0) return only;
  const description = "is not the name of an operation, such as projects/default/operations/compute-<uuid>";
  throw invalidArgument([{ field: "name", description }]);
}
