const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const LOAD_ADDRESS = 0x400000;

/** ELF machine number and the code of exit(0). */
const MACHINES: Record<string, { machine: number; code: number[] }> = {
  // mov eax, 60; xor edi, edi; syscall
  x64: { machine: 62, code: [0xb8, 0x3c, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05] },
  // mov x0, #0; mov x8, #93; svc #0
  arm64: { machine: 183, code: [0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4] },
};

/**
 * A static program that ends with 0 at once, as an ELF file: enough to try a container with on a host that has no image yet. Throws for
 * an architecture it knows no code for.
 */
export function tinyProgram(arch: string): Buffer {
  const known = MACHINES[arch];
  if (!known) throw new Error(`no program to try with on ${arch}`);
  const start = HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const size = start + known.code.length;
  const file = Buffer.alloc(size);
  // 64 bit, little endian, version 1.
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file);
  file.writeUInt16LE(2, 16); // executable
  file.writeUInt16LE(known.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS + start), 24); // entry
  file.writeBigUInt64LE(BigInt(HEADER_BYTES), 32); // program headers
  file.writeUInt16LE(HEADER_BYTES, 52);
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  file.writeUInt16LE(1, 56);
  const at = HEADER_BYTES;
  file.writeUInt32LE(1, at); // load
  file.writeUInt32LE(5, at + 4); // readable, executable
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), at + 16);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), at + 24);
  file.writeBigUInt64LE(BigInt(size), at + 32);
  file.writeBigUInt64LE(BigInt(size), at + 40);
  file.writeBigUInt64LE(0x1000n, at + 48);
  Buffer.from(known.code).copy(file, start);
  return file;
}
