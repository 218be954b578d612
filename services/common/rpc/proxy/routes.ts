import { status as Code } from "@grpc/grpc-js";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { GantryError, invalidArgument } from "../../errors/errors.ts";

export const OPERATIONS_SERVICE = "google.longrunning.Operations";
/** Metadata that names the service whose operations are listed. */
export const SERVICE_KEY = "gantry-service";
const DEFAULT_OPERATIONS_SERVICE = "compute";

/** `compute` of `gantry.compute.v1.ComputeService`; undefined for a service that is not Gantry's. */
export function serviceOfPackage(fullName: string): string | undefined {
  return /^gantry\.([a-z]+)\.v\d+\./.exec(fullName)?.[1];
}

/**
 * Service part of the operation that a request of google.longrunning.Operations names in its first field. A list names a project:
 * then `asked` (metadata `gantry-service`) decides, compute when absent. INVALID_ARGUMENT when the name is of neither form.
 */
export function serviceOfOperation(request: Uint8Array, path: string, asked: string | undefined): string {
  if (path.endsWith("/ListOperations")) return asked ?? DEFAULT_OPERATIONS_SERVICE;
  const name = firstString(request);
  const [, service] = /^(?:projects\/[^/]+\/)?operations\/([a-z]+)-[^/]+$/.exec(name) ?? [];
  if (service !== undefined) return service;
  throw invalidArgument([
    { field: "name", description: "must be projects/<project>/operations/<service>-<id> or operations/<service>-<id>" },
  ]);
}

export function noSuchService(service: string, known: readonly string[]): GantryError {
  return new GantryError(Code.UNIMPLEMENTED, `this address has no service ${service}; it has ${known.join(", ")}`, {
    reason: "UNKNOWN_SERVICE",
    metadata: { service },
  });
}

function firstString(message: Uint8Array): string {
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1 && wireType === 2) return reader.string();
      reader.skip(wireType, field);
    }
  } catch {
    // Not a message at all: the same answer as to one without a name.
    return "";
  }
  return "";
}
