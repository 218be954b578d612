import { type ServiceError, type StatusObject, status as Code } from "@grpc/grpc-js";
import { cancelled, deadlineExceeded, type GantryError, internal, unavailable } from "../errors/errors.ts";
import { DETAILS_KEY, fromServiceError } from "../errors/status.ts";

type Words = (service: string, cause: unknown) => GantryError;

/** Codes under which gRPC itself tells of a connection: of others it says nothing of the way. */
const WORDS: ReadonlyMap<Code, Words> = new Map<Code, Words>([
  [Code.UNAVAILABLE, (service, cause) => unavailable("SERVICE_DOWN", `${service} cannot be reached; try again`, cause)],
  [Code.DEADLINE_EXCEEDED, (service) => deadlineExceeded(`${service} did not answer before the deadline`)],
  [Code.CANCELLED, () => cancelled("the call was cancelled")],
  [
    Code.INTERNAL,
    (service, cause) => internal("CONNECTION_FAILED", `the connection to ${service} failed during the call`, cause),
  ],
]);

/** How grpc-js answers, for the service, bytes that are no message of the method: the connection has nothing to do with it. */
const NOT_DECODED = /^(Error deserializing request|Request deserialization)/;

/**
 * How a call passed on to `service` ended, when it was the connection that ended it: in our words, for gRPC's own name inner addresses and
 * the steps on the way to them. Undefined for what the service itself said.
 */
export function fromTransport(
  service: string,
  status: Pick<StatusObject, "code" | "details" | "metadata">,
): GantryError | undefined {
  if (status.metadata.get(DETAILS_KEY).length > 0 || NOT_DECODED.test(status.details)) return undefined;
  return WORDS.get(status.code)?.(service, status);
}

/** What came of a call to `service` that failed, as a typed error that may be shown to whoever called us. */
export function callError(error: unknown, service: string): GantryError {
  return (isServiceError(error) ? fromTransport(service, error) : undefined) ?? fromServiceError(error);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === "number" && "metadata" in error;
}
