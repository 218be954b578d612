import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { status as Code } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { GantryError, resourceExhausted } from "../errors/errors.ts";
import { toStatus } from "../errors/status.ts";
import { draining } from "./run-call.ts";

export type ServingStatus = "SERVING" | "NOT_SERVING";

const WATCHERS_MAX = 1_000;

interface HealthRequest {
  service: string;
}
interface HealthResponse {
  status: ServingStatus | "SERVICE_UNKNOWN";
}
type Watcher = ServerWritableStream<HealthRequest, HealthResponse>;

/** grpc.health.v1: needs no token, tells nothing but the state. The service named '' is the whole process. */
export class Health {
  readonly #status = new Map<string, ServingStatus>();
  readonly #watchers = new Set<Watcher>();

  constructor(services: readonly string[]) {
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
        const status = this.#status.get(call.request.service);
        if (status !== undefined) callback(null, { status });
        else callback(toStatus(unknownService(call.request.service), () => undefined));
      },
      list: (_call: unknown, callback: sendUnaryData<{ statuses: Record<string, HealthResponse> }>) => {
        const statuses = Object.fromEntries([...this.#status].map(([name, status]) => [name, { status }]));
        callback(null, { statuses });
      },
      watch: (call: Watcher) => {
        if (this.#watchers.size >= WATCHERS_MAX) {
          call.emit(
            "error",
            toStatus(resourceExhausted("WATCHERS_MAX", "too many health watches"), () => undefined),
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

function unknownService(service: string): GantryError {
  return new GantryError(Code.NOT_FOUND, `there is no service ${service} here`, {
    reason: "NOT_FOUND",
    metadata: { service },
  });
}
