import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Server, type ServerDuplexStream, type ServiceDefinition, status as Code } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { type FileEntry, readDescriptors } from "./descriptors.ts";

const SERVICE = "grpc.reflection.v1.ServerReflection";
const METHOD = `/${SERVICE}/ServerReflectionInfo`;

interface ReflectionRequest {
  host: string;
  messageRequest?: string;
  fileByFilename?: string;
  fileContainingSymbol?: string;
  fileContainingExtension?: { containingType: string; extensionNumber: number };
  allExtensionNumbersOfType?: string;
}

type Answer = Record<string, unknown>;

/**
 * grpc.reflection.v1 over the compiled descriptor set, file by file as written, options and comments included. (The class of
 * @grpc/reflection re-encodes and drops them; its proto file is what is used here.) Nothing is loaded before the first call.
 */
export function addReflection(server: Server, services: readonly string[]): void {
  let loaded: Loaded | undefined;
  const codec = (): Loaded => (loaded ??= load(services));
  server.register(
    METHOD,
    (call: ServerDuplexStream<ReflectionRequest, Answer>) => {
      call.on("data", (request: ReflectionRequest) => {
        if (!call.write(codec().index.answer(request))) {
          call.pause();
          call.once("drain", () => call.resume());
        }
      });
      call.on("end", () => call.end());
    },
    (value: Answer) => codec().serialize(value),
    (bytes: Buffer) => codec().deserialize(bytes),
    "bidi",
  );
}

interface Loaded {
  index: ReflectionIndex;
  serialize: (value: Answer) => Buffer;
  deserialize: (bytes: Buffer) => ReflectionRequest;
}

function load(services: readonly string[]): Loaded {
  const packageDir = dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json"));
  const proto = join(packageDir, "build", "proto", "grpc", "reflection", "v1", "reflection.proto");
  const definition = loadSync(proto, { defaults: false, oneofs: true, longs: Number })[SERVICE] as ServiceDefinition;
  const method = Object.values(definition)[0] as ServiceDefinition[string];
  return {
    index: new ReflectionIndex(readDescriptors(), services),
    serialize: method.responseSerialize,
    deserialize: method.requestDeserialize as (bytes: Buffer) => ReflectionRequest,
  };
}

class ReflectionIndex {
  readonly #services: readonly string[];
  readonly #files = new Map<string, FileEntry>();
  readonly #bySymbol = new Map<string, FileEntry>();
  readonly #extensions = new Map<string, Map<number, FileEntry>>();

  constructor(files: readonly FileEntry[], services: readonly string[]) {
    this.#services = services;
    for (const file of files) {
      this.#files.set(file.name, file);
      for (const symbol of file.symbols) this.#bySymbol.set(symbol, file);
      for (const { extendee, number } of file.extensions) {
        const numbers = this.#extensions.get(extendee) ?? new Map<number, FileEntry>();
        this.#extensions.set(extendee, numbers.set(number, file));
      }
    }
  }

  answer(request: ReflectionRequest): Answer {
    const base = { validHost: request.host, originalRequest: request };
    switch (request.messageRequest) {
      case "listServices":
        return { ...base, listServicesResponse: { service: this.#services.map((name) => ({ name })) } };
      case "fileByFilename":
        return { ...base, ...this.#file(this.#files.get(request.fileByFilename ?? "")) };
      case "fileContainingSymbol":
        return { ...base, ...this.#file(this.#bySymbol.get(request.fileContainingSymbol ?? "")) };
      case "fileContainingExtension": {
        const { containingType = "", extensionNumber = 0 } = request.fileContainingExtension ?? {};
        return { ...base, ...this.#file(this.#extensions.get(containingType)?.get(extensionNumber)) };
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = request.allExtensionNumbersOfType ?? "";
        if (!this.#bySymbol.has(baseTypeName)) return { ...base, ...notFound() };
        const extensionNumber = [...(this.#extensions.get(baseTypeName)?.keys() ?? [])];
        return { ...base, allExtensionNumbersResponse: { baseTypeName, extensionNumber } };
      }
      default:
        return { ...base, errorResponse: { errorCode: Code.UNIMPLEMENTED, errorMessage: "unknown request" } };
    }
  }

  /** The file and all it imports, so that the client needs to ask once. */
  #file(file: FileEntry | undefined): Answer {
    if (file === undefined) return notFound();
    const found = new Set<FileEntry>([file]);
    for (const each of found) {
      for (const name of each.dependencies) {
        const dependency = this.#files.get(name);
        if (dependency !== undefined) found.add(dependency);
      }
    }
    return { fileDescriptorResponse: { fileDescriptorProto: [...found].map((each) => each.bytes) } };
  }
}

function notFound(): Answer {
  return { errorResponse: { errorCode: Code.NOT_FOUND, errorMessage: "not found" } };
}
