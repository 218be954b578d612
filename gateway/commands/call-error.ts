import { type ServiceError, status as Code } from "@grpc/grpc-js";
import { type GantryError, unavailable } from "../../services/common/errors/errors.ts";
import { fromServiceError } from "../../services/common/errors/status.ts";

/** What the client is told of a call that failed. Addresses that gRPC puts in messages of its own stay inside. */
export function callError(error: ServiceError, service: string): GantryError {
  const known = fromServiceError(error);
  const ownDetails = error.metadata?.get("grpc-status-details-bin").length > 0;
  if (known.code !== Code.UNAVAILABLE || ownDetails) return known;
  return unavailable("SERVICE_DOWN", `${service} cannot be reached; try again`, error);
}
