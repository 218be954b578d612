/**
 * A whole Linux program that ends with exit code 0, as an ELF file: what an engine is tried with where it has no image
 * and no registry answers.
 */
export function tinyProgram(arch: string): Buffer {
  const machine = MACHINES[arch];
  if (!machine) throw new Error(`no trial program for ${arch}`);
  const header = Buffer.alloc(HEADERS_BYTES);
  const size = BigInt(HEADERS_BYTES + machine.code.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header); // 64 bit, little endian
  header.writeUInt16LE(2, 16); // an executable
  header.writeUInt16LE(machine.elf, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(LOAD_ADDRESS + BigInt(HEADERS_BYTES), 24); // entry
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // program headers begin
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(HEADERS_BYTES - ELF_HEADER_BYTES, 54);
  header.writeUInt16LE(1, 56); // one program header
  header.writeUInt32LE(1, 64); // load
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(LOAD_ADDRESS, 80);
  header.writeBigUInt64LE(LOAD_ADDRESS, 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, Buffer.from(machine.code)]);
}

const ELF_HEADER_BYTES = 64;
const HEADERS_BYTES = 120;
const LOAD_ADDRESS = 0x400000n;

const MACHINES: Record<string, { elf: number; code: number[] }> = {
  // xor edi, edi; mov eax, 60 (exit); syscall
  x64: { elf: 62, code: [0x31, 0xff, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05] },
  // mov x0, #0; mov x8, #93 (exit); svc #0
  arm64: { elf: 183, code: [0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4] },
};
