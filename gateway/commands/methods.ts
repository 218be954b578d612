import type { DescMessage, DescMethod, Registry } from "@bufbuild/protobuf";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../services/common/errors/errors.ts";

const WATCH_REQUEST = "gantry.common.v1.WatchRequest";
const METHOD_SHOWN_LENGTH_MAX = 120;

/** A method that commands can call. */
export interface Method {
  /** `gantry.compute.v1.ComputeService/GetInstance` */
  name: string;
  /** gRPC path: the name behind a `/`. */
  path: string;
  /** Full name of its service, for example `gantry.compute.v1.ComputeService`. */
  service: string;
  kind: DescMethod["methodKind"];
  input: DescMessage;
  output: DescMessage;
}

/** Finds methods of the contract by full name; a `/` in front is allowed. */
export class Methods {
  readonly #registry: Registry;
  readonly #found = new Map<string, Method>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** UNIMPLEMENTED when the contract has no such method, or when it is one that is not for commands (Watch). */
  need(name: string): Method {
    const plain = name.startsWith("/") ? name.slice(1) : name;
    const known = this.#found.get(plain);
    if (known !== undefined) return known;
    const method = this.#find(plain);
    if (method === undefined) {
      throw unimplemented(
        "UNKNOWN_METHOD",
        `there is no method ${JSON.stringify(name.slice(0, METHOD_SHOWN_LENGTH_MAX))}`,
      );
    }
    if (method.input.typeName === WATCH_REQUEST) {
      throw unimplemented("NOT_A_COMMAND", "Watch is not a command: observe with `subscribe`");
    }
    this.#found.set(plain, method);
    return method;
  }

  #find(name: string): Method | undefined {
    const slash = name.indexOf("/");
    if (slash === -1) return undefined;
    const service = this.#registry.getService(name.slice(0, slash));
    const method = service?.methods.find((candidate) => candidate.name === name.slice(slash + 1));
    if (service === undefined || method === undefined) return undefined;
    const { methodKind: kind, input, output } = method;
    return { name, path: `/${name}`, service: service.typeName, kind, input, output };
  }
}

function unimplemented(reason: string, message: string): GantryError {
  return new GantryError(Code.UNIMPLEMENTED, message, { reason });
}
