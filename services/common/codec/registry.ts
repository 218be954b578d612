import { readFileSync } from "node:fs";
import { type FileRegistry, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const DESCRIPTORS = new URL("../../../proto/gen/descriptors.binpb", import.meta.url);
const SET_FILE = 1;
const FILE_SOURCE_CODE_INFO = 9;

let loaded: FileRegistry | undefined;

/** Descriptors of every message and service of Gantry, loaded at the first call and shared. */
export function loadRegistry(): FileRegistry {
  loaded ??= makeRegistry(readFileSync(DESCRIPTORS));
  return loaded;
}

/** A registry of a serialized google.protobuf.FileDescriptorSet. */
export function makeRegistry(descriptors: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, stripComments(descriptors)));
}

/** Leaves out source positions and comments: four fifths of the descriptors, which only documentation needs. */
function stripComments(descriptors: Uint8Array): Uint8Array {
  return copyWithout(descriptors, 0, (file) => copyWithout(file, FILE_SOURCE_CODE_INFO));
}

/** Copies a message of length-delimited and scalar fields without field `omit`; `convert` is applied to each entry of field `file`. */
function copyWithout(bytes: Uint8Array, omit: number, convert?: (file: Uint8Array) => Uint8Array): Uint8Array {
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, wireType] = reader.tag();
    if (field === SET_FILE && wireType === WireType.LengthDelimited && convert !== undefined) {
      writer.tag(field, wireType).bytes(convert(reader.bytes()));
      continue;
    }
    reader.skip(wireType, field);
    if (field !== omit) writer.raw(bytes.subarray(start, reader.pos));
  }
  return writer.finish();
}
