import {
  type Client,
  Metadata,
  type MethodDefinition,
  type sendUnaryData,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status as Code,
} from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { GantryError, resourceExhausted } from "../errors/errors.ts";
import { fromServiceError, toStatus } from "../errors/status.ts";
import { draining } from "./run-call.ts";

export type ServingStatus = "SERVING" | "NOT_SERVING";

/** Anyone may watch: supervisors and load balancers are a few. `check` is there for those who get no more. */
const HEALTH_WATCHES_MAX = 100;
const CHECK_TIMEOUT_MS = 2_000;

interface HealthRequest {
  service: string;
}
interface HealthResponse {
  status: ServingStatus | "SERVICE_UNKNOWN";
}
type Watcher = ServerWritableStream<HealthRequest, HealthResponse>;

/** State of a service that another process has; undefined when it is not known at all. */
export type AskElsewhere = (service: string) => Promise<ServingStatus | undefined>;

/** grpc.health.v1: needs no token, tells nothing but the state. The service named '' is the whole process. */
export class Health {
  readonly #status = new Map<string, ServingStatus>();
  readonly #watchers = new Set<Watcher>();
  readonly #elsewhere: AskElsewhere;

  constructor(services: readonly string[], elsewhere: AskElsewhere = async () => undefined) {
    this.#elsewhere = elsewhere;
    for (const service of ["", ...services]) this.#status.set(service, "SERVING");
  }

  /** Without a name: every service. */
  set(status: ServingStatus, service?: string): void {
    for (const name of service === undefined ? [...this.#status.keys()] : [service]) {
      this.#status.set(name, status);
      for (const watcher of this.#watchers) if (watcher.request.service === name) watcher.write({ status });
    }
  }

  /** Ends the watch streams: they would keep the server from shutting down. */
  endWatches(): void {
    for (const watcher of this.#watchers)
      watcher.emit(
        "error",
        toStatus(draining(), () => undefined),
      );
    this.#watchers.clear();
  }

  addTo(server: Server): void {
    server.addService(healthDefinition, {
      check: (call: ServerUnaryCall<HealthRequest, HealthResponse>, callback: sendUnaryData<HealthResponse>) => {
        const { service } = call.request;
        const answer = (status: ServingStatus | undefined): void => {
          if (status !== undefined) callback(null, { status });
          else callback(toStatus(unknownService(service), () => undefined));
        };
        const status = this.#status.get(service);
        if (status !== undefined) answer(status);
        else this.#elsewhere(service).then(answer, () => answer("NOT_SERVING"));
      },
      list: (_call: unknown, callback: sendUnaryData<{ statuses: Record<string, HealthResponse> }>) => {
        const statuses = Object.fromEntries([...this.#status].map(([name, status]) => [name, { status }]));
        callback(null, { statuses });
      },
      watch: (call: Watcher) => {
        if (this.#watchers.size >= HEALTH_WATCHES_MAX) {
          const message = `at most ${HEALTH_WATCHES_MAX} health watches at a time: use Check`;
          call.emit(
            "error",
            toStatus(resourceExhausted("HEALTH_WATCHES_MAX", message), () => undefined),
          );
          return;
        }
        this.#watchers.add(call);
        call.on("cancelled", () => this.#watchers.delete(call));
        call.write({ status: this.#status.get(call.request.service) ?? "SERVICE_UNKNOWN" });
      },
    });
  }
}

/** Asks another process for the state of one of its services. Rejects when it can't be reached in time. */
export function checkHealth(client: Client, service: string): Promise<ServingStatus> {
  const { path, requestSerialize, responseDeserialize } = healthDefinition["Check"] as MethodDefinition<
    HealthRequest,
    { status: ServingStatus }
  >;
  const options = { deadline: Date.now() + CHECK_TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
      new Metadata(),
      options,
      (error, response) => {
        if (error === null && response !== undefined) resolve(response.status);
        else reject(fromServiceError(error));
      },
    );
  });
}

function unknownService(service: string): GantryError {
  return new GantryError(Code.NOT_FOUND, `there is no service ${service} here`, {
    reason: "NOT_FOUND",
    metadata: { service },
  });
}
