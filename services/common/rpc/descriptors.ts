import { readFileSync } from "node:fs";
import { BinaryReader } from "@bufbuild/protobuf/wire";

/** proto/gen/descriptors.binpb: every file of the contract and what it imports. */
export const DESCRIPTORS_PATH = new URL("../../../proto/gen/descriptors.binpb", import.meta.url);

export interface FileEntry {
  name: string;
  /** The FileDescriptorProto, as compiled. */
  bytes: Uint8Array;
  dependencies: string[];
  /** Full names of messages, fields, enums, values, services and methods. */
  symbols: string[];
  services: ServiceEntry[];
  /** Extensions by extended type and field number. */
  extensions: { extendee: string; number: number }[];
}

export interface ServiceEntry {
  /** Full name, for example `gantry.compute.v1.ComputeService`. */
  name: string;
  methods: { name: string; streaming: boolean }[];
}

export interface MethodPath {
  service: string;
  /** `/gantry.compute.v1.ComputeService/GetInstance` */
  path: string;
  /** Either side streams. */
  streaming: boolean;
}

/**
 * Reads names out of a FileDescriptorSet without decoding the rest: the full descriptor types cost ten times the memory, and most
 * processes never need more than the names.
 */
export function readDescriptors(set: Uint8Array = readFileSync(DESCRIPTORS_PATH)): FileEntry[] {
  const files: FileEntry[] = [];
  for (const [field, bytes] of fields(set)) if (field === 1) files.push(readFile(bytes));
  return files;
}

/** All methods of all services. */
export function methodPaths(files: readonly FileEntry[]): MethodPath[] {
  return files.flatMap((file) =>
    file.services.flatMap(({ name: service, methods }) =>
      methods.map(({ name, streaming }) => ({ service, path: `/${service}/${name}`, streaming })),
    ),
  );
}

const text = new TextDecoder();

/** Length-delimited fields of a message, in order. */
function* fields(message: Uint8Array): Generator<[field: number, bytes: Uint8Array]> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === 2) yield [field, reader.bytes()];
    else reader.skip(wireType, field);
  }
}

function stringField(message: Uint8Array, wanted: number): string {
  for (const [field, bytes] of fields(message)) if (field === wanted) return text.decode(bytes);
  return "";
}

function numberField(message: Uint8Array, wanted: number): number {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === 0) return reader.uint32();
    reader.skip(wireType, field);
  }
  return 0;
}

// Field numbers below are those of google/protobuf/descriptor.proto.
function readFile(bytes: Uint8Array): FileEntry {
  const file: FileEntry = { name: "", bytes, dependencies: [], symbols: [], services: [], extensions: [] };
  const scope = stringField(bytes, 2);
  for (const [field, value] of fields(bytes)) {
    if (field === 1) file.name = text.decode(value);
    else if (field === 3) file.dependencies.push(text.decode(value));
    else if (field === 4) readMessage(file, scope, value);
    else if (field === 5) readEnum(file, scope, value);
    else if (field === 6) readService(file, scope, value);
    else if (field === 7) readExtension(file, scope, value);
  }
  return file;
}

function readMessage(file: FileEntry, scope: string, message: Uint8Array): void {
  const name = join(scope, stringField(message, 1));
  file.symbols.push(name);
  for (const [field, value] of fields(message)) {
    if (field === 2 || field === 8) file.symbols.push(join(name, stringField(value, 1)));
    else if (field === 3) readMessage(file, name, value);
    else if (field === 4) readEnum(file, name, value);
    else if (field === 6) readExtension(file, name, value);
  }
}

/** Values are named beside their enum, not inside it. */
function readEnum(file: FileEntry, scope: string, message: Uint8Array): void {
  file.symbols.push(join(scope, stringField(message, 1)));
  for (const [field, value] of fields(message)) if (field === 2) file.symbols.push(join(scope, stringField(value, 1)));
}

function readService(file: FileEntry, scope: string, message: Uint8Array): void {
  const name = join(scope, stringField(message, 1));
  const methods: ServiceEntry["methods"] = [];
  for (const [field, value] of fields(message)) {
    if (field !== 2) continue;
    const streaming = numberField(value, 5) !== 0 || numberField(value, 6) !== 0;
    methods.push({ name: stringField(value, 1), streaming });
  }
  file.symbols.push(name, ...methods.map((method) => join(name, method.name)));
  file.services.push({ name, methods });
}

function readExtension(file: FileEntry, scope: string, message: Uint8Array): void {
  file.symbols.push(join(scope, stringField(message, 1)));
  file.extensions.push({ extendee: stringField(message, 2).replace(/^\./, ""), number: numberField(message, 3) });
}

function join(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
